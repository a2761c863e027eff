//! Failures that are not exhaustion are never reported as such.

use std::{io, net::SocketAddr};

use rustix::io::Errno;
use socket2::Socket;

use crate::support::{
    event::Event,
    marker,
    netns::Netns,
    server::{self, FullListener},
    socket::{self, Family},
    veth,
    watcher::Watcher,
};

const RANGE: std::ops::RangeInclusive<u16> = 30_000..=30_019;
const FAMILIES: [Family; 3] = [Family::V4, Family::V6, Family::Mapped];
const CLOSED_PORT: u16 = 7;
const PORT: u16 = 8080;

/// What connect(2) failed for in the events, the marker's own aside.
fn failures(events: &[Event]) -> Vec<&Event> {
    let kinds = ["exhausted", "conflict", "no_source_address"];
    events
        .iter()
        .filter(|e| kinds.contains(&e.kind()))
        .collect()
}

fn connect(socket: &Socket, family: Family, peer: SocketAddr) -> io::Result<()> {
    socket.connect(&family.name(peer))
}

#[test]
fn refused() {
    let netns = Netns::named(RANGE);
    let watcher = Watcher::start(&[&netns], &[]);
    netns.run(|| {
        for family in FAMILIES {
            let peer = SocketAddr::new(family.loopback(), CLOSED_PORT);
            // Again and again on one socket: it carries the port of the attempt before.
            let again = family.socket();
            for _ in 0..50 {
                let fresh = family.socket();
                for socket in [&again, &fresh] {
                    let result = connect(socket, family, peer);
                    assert_eq!(socket::errno(&result), Some(Errno::CONNREFUSED));
                }
            }
        }
    });
    let events = marker::events_before(&netns, &watcher);
    assert!(failures(&events).is_empty(), "{events:#?}");
    watcher.stop();
}

#[test]
fn timed_out() {
    let netns = Netns::named(RANGE);
    netns.sysctl("ipv4/tcp_syn_retries", 1);
    let _full = FullListener::start(&netns, PORT);
    let watcher = Watcher::start(&[&netns], &[]);
    std::thread::scope(|scope| {
        for family in [Family::V4, Family::Mapped] {
            let netns = &netns;
            scope.spawn(move || {
                netns.enter();
                let peer = SocketAddr::new(family.loopback(), PORT);
                let result = family.connect(peer);
                assert_eq!(socket::errno(&result), Some(Errno::TIMEDOUT));
            });
        }
    });
    let events = marker::events_before(&netns, &watcher);
    assert!(failures(&events).is_empty(), "{events:#?}");
    watcher.stop();
}

#[test]
fn unreachable() {
    let (near, far) = (Netns::named(RANGE), Netns::named(RANGE));
    veth::connect(&near, &far);
    let watcher = Watcher::start(&[&near], &[]);
    near.run(|| {
        let nobody = Family::V4.connect((veth::NOBODY, PORT).into());
        assert_eq!(socket::errno(&nobody), Some(Errno::HOSTUNREACH));
        let nowhere = Family::V4.connect(([192, 0, 2, 1], PORT).into());
        assert_eq!(socket::errno(&nowhere), Some(Errno::NETUNREACH));
        let nowhere = Family::V6.connect("[2001:db8::1]:80".parse().unwrap());
        assert_eq!(socket::errno(&nowhere), Some(Errno::NETUNREACH));
    });
    let events = marker::events_before(&near, &watcher);
    assert!(failures(&events).is_empty(), "{events:#?}");
    watcher.stop();
}

#[test]
fn a_bound_port_that_has_this_connection_already() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let watcher = Watcher::start(&[&netns], &[]);
    for (family, port) in FAMILIES.into_iter().zip(20_001..) {
        let peer = SocketAddr::new(family.loopback(), PORT);
        let local = SocketAddr::new(family.loopback(), port);
        netns.run(|| {
            let first = family.bound(local);
            connect(&first, family, peer).expect("the first connection");
            let second = family.bound(local);
            let result = connect(&second, family, peer);
            assert_eq!(socket::errno(&result), Some(Errno::ADDRNOTAVAIL));
        });
    }
    let events = marker::events_before(&netns, &watcher);
    let failures = failures(&events);
    assert_eq!(failures.len(), FAMILIES.len(), "{events:#?}");
    for ((failure, family), port) in failures.iter().zip(FAMILIES).zip(20_001..) {
        assert_eq!(failure.kind(), "conflict");
        assert_eq!(failure.text("cause"), "conflict");
        assert_eq!(
            failure.tuple(),
            (family.loopback(), (family.loopback(), PORT).into())
        );
        assert_eq!(failure.number("local_port"), port);
        assert_eq!(failure.small("pid"), std::process::id());
    }
    watcher.stop();
}

#[test]
fn a_bound_port_refused() {
    let netns = Netns::named(RANGE);
    let watcher = Watcher::start(&[&netns], &[]);
    for (family, port) in FAMILIES.into_iter().zip(20_001..) {
        netns.run(|| {
            let socket = family.bound((family.loopback(), port).into());
            let result = connect(&socket, family, (family.loopback(), CLOSED_PORT).into());
            assert_eq!(socket::errno(&result), Some(Errno::CONNREFUSED));
        });
    }
    let events = marker::events_before(&netns, &watcher);
    assert!(failures(&events).is_empty(), "{events:#?}");
    watcher.stop();
}

#[test]
fn no_source_address() {
    let netns = Netns::named(RANGE);
    netns.sysctl("ipv6/conf/all/disable_ipv6", 1);
    let watcher = Watcher::start(&[&netns], &[]);
    let peer: SocketAddr = (std::net::Ipv6Addr::LOCALHOST, PORT).into();
    let result = netns.run(|| Family::V6.connect(peer));
    assert_eq!(socket::errno(&result), Some(Errno::ADDRNOTAVAIL));
    let events = marker::events_before(&netns, &watcher);
    let failures = failures(&events);
    assert_eq!(failures.len(), 1, "{events:#?}");
    assert_eq!(failures[0].kind(), "no_source_address");
    assert_eq!(failures[0].text("cause"), "no-source-address");
    assert_eq!(failures[0].text("peer_ip"), "::1");
    assert_eq!(failures[0].number("peer_port"), u64::from(PORT));
    assert!(failures[0].is_null("local_ip"));
    watcher.stop();
}
