//! Multipath TCP: each subflow is a TCP connection, and the kernel's own ones are bound.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::{PORT, RANGE, counted, skip, told};
use crate::support::{
    kernel_list::{self, Count, Counts},
    netns::Netns,
    server,
    socket::{self, Family},
    ticks, veth, wait,
    watcher::Watcher,
};

fn socket(family: Family) -> io::Result<Socket> {
    let domain = match family {
        Family::V4 => Domain::IPV4,
        Family::V6 | Family::Mapped => Domain::IPV6,
    };
    Socket::new(domain, Type::STREAM, Some(Protocol::MPTCP))
}

/// Why this kernel can't be asked.
fn missing() -> Option<io::Error> {
    let error = socket(Family::V4).err()?;
    let without = [Errno::PROTONOSUPPORT, Errno::NOPROTOOPT].map(Some);
    assert!(without.contains(&Errno::from_io_error(&error)), "{error}");
    Some(error)
}

/// A listener that answers as MPTCP.
fn listen(netns: &Netns, port: u16) -> TcpListener {
    netns.run(|| {
        let socket = socket(Family::V6).expect("a socket");
        socket.set_only_v6(false).expect("IPV6_V6ONLY");
        let any: SocketAddr = (std::net::Ipv6Addr::UNSPECIFIED, port).into();
        socket.bind(&any.into()).expect("bind");
        socket.listen(100).expect("listen");
        socket.into()
    })
}

fn connect(family: Family, peer: SocketAddr) -> io::Result<Socket> {
    let socket = socket(family)?;
    socket.connect(&family.name(peer))?;
    Ok(socket)
}

#[test]
fn a_connection_counts_once_and_so_does_a_failure() {
    if let Some(error) = missing() {
        return skip("MPTCP connections", error);
    }
    let netns = Netns::named(RANGE);
    let _mptcp = listen(&netns, PORT);
    // Falls back to TCP.
    let _tcp = server::listen(&netns, PORT + 1);
    let watcher = Watcher::start(&[&netns], &["--counts"]);
    let (mut open, mut used, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for family in [Family::V4, Family::V6] {
        for port in [PORT, PORT + 1] {
            let peer = SocketAddr::new(family.loopback(), port);
            let tuple = (family.loopback(), peer);
            netns.run(|| open.extend(RANGE.map(|_| connect(family, peer).expect("connect"))));
            used.push((tuple, 10));
            counted(&watcher, &netns, &used);
            let result = netns.run(|| connect(family, peer));
            assert_eq!(socket::errno(&result), Some(Errno::ADDRNOTAVAIL));
            failed.push((tuple, std::process::id()));
        }
    }
    told(&watcher, "exhausted", &failed);
    let tick = ticks::fresh(&watcher);
    let once = failed.iter().map(|(tuple, _)| (*tuple, 1)).collect();
    assert_eq!(tick.totals(&netns, "exhausted_total"), once);

    // With a reset, so that nothing lingers; but 6.18.15 goes on listing them as established.
    open.into_iter().for_each(socket::reset);
    ticks::wait_until_equal(&watcher, &[(&netns, RANGE)], wait::SOON);
    watcher.stop();
}

#[test]
fn a_subflow_that_the_kernel_adds_is_a_bound_socket() {
    /// Another address of the near side.
    const SECOND: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 4);
    const TEST: &str = "MPTCP subflows that the kernel adds";
    if let Some(error) = missing() {
        return skip(TEST, error);
    }
    let (near, far) = (Netns::named(RANGE), Netns::named(RANGE));
    veth::connect(&near, &far);
    near.command("ip", &["address", "add", "10.77.0.4/24", "dev", "veth0"]);
    for netns in [&near, &far] {
        let limits = [
            "mptcp",
            "limits",
            "set",
            "subflow",
            "2",
            "add_addr_accepted",
            "2",
        ];
        netns.command("ip", &limits);
    }
    let endpoint = [
        "mptcp",
        "endpoint",
        "add",
        "10.77.0.4",
        "dev",
        "veth0",
        "subflow",
    ];
    near.command("ip", &endpoint);
    let peer = SocketAddr::from((veth::FAR, PORT));
    let listener = listen(&far, PORT);
    let watcher = Watcher::start(&[&near], &["--counts"]);

    let mut client = near.run(|| connect(Family::V4, peer).expect("connect"));
    let (mut server, _) = listener.accept().expect("accept");
    // The kernel adds subflows once data has gone both ways.
    server
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("SO_RCVTIMEO");
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("SO_RCVTIMEO");
    let mut byte = [0];
    client.write_all(b"x").expect("write");
    server.read_exact(&mut byte).expect("read");
    server.write_all(b"x").expect("write");
    client.read_exact(&mut byte).expect("read");
    let added = wait::until("a second subflow", wait::SOON, || {
        let mut sockets = kernel_list::sockets(&near).into_iter();
        sockets.find(|s| s.peer == peer && s.local.ip() == SECOND)
    });
    assert!(RANGE.contains(&added.local.port()), "{added:?}");

    let count = Count {
        used: 1,
        time_wait: 0,
    };
    let expected = Counts::from([((veth::NEAR.into(), peer), count)]);
    assert_eq!(ticks::fresh(&watcher).counts(&near), expected);
    // One that walks over it sees the same.
    let later = Watcher::start(&[&near], &["--counts"]);
    assert_eq!(ticks::fresh(&later).counts(&near), expected);
    later.stop();
    for end in [client, server.into()] {
        socket::reset(end);
    }
    wait::until("the end of both", wait::SOON, || {
        let tick = ticks::fresh(&watcher);
        tick.counts(&near).is_empty().then_some(())
    });
    watcher.stop();
}
