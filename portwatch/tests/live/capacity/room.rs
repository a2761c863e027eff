//! A prediction, and the outcome.

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
};

use rustix::io::Errno;
use serde_json::Value;
use socket2::Socket;

use crate::support::{
    netns::Netns,
    process::{portwatch, succeed},
    socket::{self, Family},
};

/// A client's way to connect.
#[derive(Clone, Debug)]
pub struct Client {
    pub family: Family,
    pub peer: SocketAddr,
    /// Address bound first, without a port; none lets the route decide.
    pub local: Option<IpAddr>,
    /// `IP_LOCAL_PORT_RANGE`.
    pub own_range: Option<RangeInclusive<u16>>,
    /// Name of a device.
    pub device: Option<&'static str>,
}

impl Client {
    /// To a port of the loopback address.
    pub fn local(family: Family, port: u16) -> Self {
        Self::to(family, SocketAddr::new(family.loopback(), port))
    }

    pub fn to(family: Family, peer: SocketAddr) -> Self {
        Self {
            family,
            peer,
            local: None,
            own_range: None,
            device: None,
        }
    }

    /// One connection, or the error number.
    pub fn connect(&self) -> Result<Socket, Option<Errno>> {
        let socket = self.family.socket();
        if let Some(range) = &self.own_range {
            socket::set_own_range(&socket, range).expect("IP_LOCAL_PORT_RANGE");
        }
        if let Some(device) = self.device {
            let device = Some(device.as_bytes());
            socket.bind_device(device).expect("SO_BINDTODEVICE");
        }
        if let Some(local) = self.local {
            let local = self.family.name(SocketAddr::new(local, 0));
            socket::bind_address_no_port(&socket, &local).expect("bind without a port");
        }
        let result = socket.connect(&self.family.name(self.peer));
        match result {
            Ok(()) => Ok(socket),
            Err(error) => Err(Errno::from_io_error(&error)),
        }
    }

    /// Connections until one finds no port.
    pub fn exhaust(&self, netns: &Netns) -> Vec<Socket> {
        netns.run(|| {
            let mut open = Vec::new();
            loop {
                match self.connect() {
                    Ok(socket) => open.push(socket),
                    Err(errno) => {
                        assert_eq!(errno, Some(Errno::ADDRNOTAVAIL), "{self:?}");
                        return open;
                    }
                }
                assert!(open.len() <= 1000, "the range has no end");
            }
        })
    }

    /// So many connections.
    pub fn open(&self, netns: &Netns, count: usize) -> Vec<Socket> {
        netns.run(|| {
            let connect = |_| self.connect().expect("connect");
            (0..count).map(connect).collect()
        })
    }
}

/// What `portwatch free` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    pub capacity: usize,
    pub headroom: RangeInclusive<usize>,
    pub blocked: usize,
    pub reclaimable: usize,
    pub used: usize,
    pub free: String,
}

/// Asks portwatch.
pub fn ask(netns: &Netns, client: &Client) -> Room {
    let name = netns.selector();
    let peer = client.peer.to_string();
    let mut arguments = vec!["free", "--json", "--netns", &name, &peer];
    let local = client.local.map(|local| local.to_string());
    if let Some(local) = &local {
        arguments.extend(["--local", local]);
    }
    if let Some(device) = client.device {
        arguments.extend(["--device", device]);
    }
    let range = client
        .own_range
        .as_ref()
        .map(|range| format!("{}-{}", range.start(), range.end()));
    if let Some(range) = &range {
        arguments.extend(["--range", range]);
    }
    let text = succeed(&mut portwatch(&arguments));
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    let number = |key: &str| {
        let number = answer[key].as_u64();
        usize::try_from(number.unwrap_or_else(|| panic!("{key} in {text}"))).expect("small")
    };
    assert_eq!(number("untold"), 0, "{text}");
    Room {
        capacity: number("capacity"),
        headroom: number("headroom")..=number("headroom_max"),
        blocked: number("blocked"),
        reclaimable: number("reclaimable"),
        used: number("used"),
        free: answer["free"].as_str().expect("free").to_owned(),
    }
}

/// Asks, then fills: the number of connections is as predicted, each from a port that was told to
/// be free. The prediction and the open connections.
pub fn holds(netns: &Netns, client: &Client) -> (Room, Vec<Socket>) {
    let room = ask(netns, client);
    let open = client.exhaust(netns);
    let context = format!("{client:?}: {room:?}");
    assert!(
        room.headroom.contains(&open.len()),
        "{} opened, {context}",
        open.len()
    );
    let free = ports(&room.free);
    for socket in &open {
        let local = socket.local_addr().expect("a local address");
        let port = local.as_socket().expect("an IP address").port();
        assert!(free.contains(&port), "{port}, {context}");
    }
    (room, open)
}

/// As [`holds`], and nothing is left afterwards but the one port that an odd range may keep. And
/// `fresh`, a tuple that has no connection yet, can open `capacity` connections; these are closed
/// again.
pub fn both_hold(netns: &Netns, client: &Client, fresh: &Client) -> (Room, Vec<Socket>) {
    let (unused, open) = holds(netns, fresh);
    let capacity = unused.capacity;
    assert_eq!(unused.used, 0);
    assert!(capacity - 1 <= open.len() && open.len() <= capacity);
    open.into_iter().for_each(socket::reset);
    let (room, open) = holds(netns, client);
    assert_eq!(room.capacity, capacity);
    let after = ask(netns, client);
    let left = room.headroom.end() - open.len();
    assert_eq!(
        after.headroom,
        0..=left,
        "after {client:?}: {room:?}, {after:?}"
    );
    (room, open)
}

/// The ports of `30000-30012,30015`.
fn ports(text: &str) -> Vec<u16> {
    let parts = text.split(',').filter(|part| !part.is_empty());
    let range = |part: &str| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        low.parse::<u16>().expect("a port")..=high.parse::<u16>().expect("a port")
    };
    parts.flat_map(range).collect()
}
