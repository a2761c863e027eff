//! The kernel's own list of TCP sockets, read from procfs: independent of what is tested.

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::RangeInclusive,
};

use super::netns::Netns;

/// `TCP_*` of include/net/tcp_states.h.
pub const SYN_SENT: u8 = 2;
pub const FIN_WAIT2: u8 = 5;
pub const TIME_WAIT: u8 = 6;
const LISTEN: u8 = 10;

/// One line of `/proc/net/tcp` or `tcp6`.
#[derive(Debug)]
pub struct Socket {
    pub local: SocketAddr,
    pub peer: SocketAddr,
    /// The state, of a mini-socket its substate (FIN_WAIT2 or TIME_WAIT).
    pub state: u8,
    /// A mini-socket: what remains of a connection closed from this side.
    pub mini: bool,
}

/// A tuple inside a known namespace: local address, and where its connections lead.
pub type Tuple = (IpAddr, SocketAddr);

/// How many ports of a tuple are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub used: u32,
    pub time_wait: u32,
}

/// Taken ports by tuple; a tuple without any is not in it.
pub type Counts = BTreeMap<Tuple, Count>;

/// Every TCP socket of a namespace except listeners.
pub fn sockets(netns: &Netns) -> Vec<Socket> {
    netns.run(|| {
        ["tcp", "tcp6"]
            .iter()
            .flat_map(|file| {
                let path = format!("/proc/thread-self/net/{file}");
                let text = fs::read_to_string(path).expect("the kernel's socket list");
                text.lines().skip(1).map(parse).collect::<Vec<_>>()
            })
            .filter(|socket| socket.state != LISTEN)
            .collect()
    })
}

/// Taken ports by tuple, counting only sockets whose local port is in `range`: tests bind and
/// listen outside of it, so that these are the ports that connect(2) chose.
pub fn counts(netns: &Netns, range: &RangeInclusive<u16>) -> Counts {
    let mut counts = Counts::new();
    for socket in sockets(netns)
        .iter()
        .filter(|s| range.contains(&s.local.port()))
    {
        let count = counts.entry((socket.local.ip(), socket.peer)).or_default();
        count.used += 1;
        count.time_wait += u32::from(socket.mini);
    }
    counts
}

/// Columns as `get_tcp4_sock` and `get_timewait4_sock` (net/ipv4/tcp_ipv4.c, 6.18) print them.
fn parse(line: &str) -> Socket {
    let field: Vec<&str> = line.split_whitespace().collect();
    Socket {
        local: address(field[1]),
        peer: address(field[2]),
        state: u8::from_str_radix(field[3], 16).expect("state"),
        // Timer 3 is that of a mini-socket.
        mini: field[5].starts_with("03:"),
    }
}

fn address(text: &str) -> SocketAddr {
    let (ip, port) = text.split_once(':').expect("address:port");
    // Each word is printed as a number of the machine's own byte order.
    let word = |at: usize| {
        u32::from_str_radix(&ip[at..at + 8], 16)
            .expect("hex")
            .to_ne_bytes()
    };
    let ip = if ip.len() == 8 {
        Ipv4Addr::from(word(0)).into()
    } else {
        let bytes: Vec<u8> = (0..4).flat_map(|n| word(n * 8)).collect();
        Ipv6Addr::from(<[u8; 16]>::try_from(bytes).expect("16 bytes")).to_canonical()
    };
    SocketAddr::new(ip, u16::from_str_radix(port, 16).expect("port"))
}
