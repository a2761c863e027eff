//! Which tuple it is: families, addresses, peers, devices, and a socket's own range.

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
};

use rustix::io::Errno;

use super::room::{Client, ask, both_hold, holds};
use crate::support::{
    netns::Netns,
    server,
    socket::{self, Family},
};

const PORT: u16 = 8080;
const FRESH: u16 = 8081;
const RANGE: RangeInclusive<u16> = 30_000..=30_019;

#[test]
fn ipv6_and_mapped_sockets() {
    for family in [Family::V6, Family::Mapped] {
        let netns = Netns::named(RANGE);
        let _servers = [server::listen(&netns, PORT), server::listen(&netns, FRESH)];
        let _listener = netns.run(|| std::net::TcpListener::bind("[::1]:30004").expect("bind"));
        let client = Client::local(family, PORT);
        // A mapped socket's tuple is the IPv4 one.
        let other = if family == Family::Mapped {
            Client::local(Family::V4, PORT).open(&netns, 4)
        } else {
            Vec::new()
        };
        let _some = client.open(&netns, 3);
        let (room, _open) = both_hold(&netns, &client, &Client::local(family, FRESH));
        assert_eq!((room.used, room.capacity), (3 + other.len(), 19));
    }
}

#[test]
fn each_local_address_and_each_peer_has_its_own_ports() {
    let netns = Netns::named(RANGE);
    let _servers = [server::listen(&netns, PORT), server::listen(&netns, FRESH)];
    let from = |host| Client {
        local: Some(IpAddr::from([127, 0, 0, host])),
        ..Client::local(Family::V4, PORT)
    };
    let _first = from(5).open(&netns, 12);
    let (room, _second) = holds(&netns, &from(6));
    assert_eq!((room.used, room.headroom), (0, 20..=20));
    let (room, _more) = holds(&netns, &from(5));
    assert_eq!((room.used, room.headroom), (12, 8..=8));
    let peer = SocketAddr::from(([127, 0, 0, 9], PORT));
    let (room, _third) = holds(&netns, &Client::to(Family::V4, peer));
    assert_eq!((room.used, room.headroom), (0, 20..=20));
}

/// A connection that is bound to no device is in the way of those that are, not the other way round.
#[test]
fn sockets_bound_to_a_device() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let unbound = Client::local(Family::V4, PORT);
    let on_lo = Client {
        device: Some("lo"),
        ..unbound.clone()
    };
    let _both = [unbound.open(&netns, 4), on_lo.open(&netns, 5)];
    // The connections come on top of each other where they may, so that only this is sure.
    let room = ask(&netns, &unbound);
    assert_eq!((room.used, room.headroom), (4, 16..=16));
    let (room, open) = holds(&netns, &on_lo);
    assert_eq!(room.used, 9);
    open.into_iter().for_each(socket::reset);
}

#[test]
fn a_range_of_the_sockets_own() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let probe = netns.run(|| socket::set_own_range(&Family::V4.socket(), &RANGE));
    if socket::errno(&probe) == Some(Errno::NOPROTOOPT) {
        eprintln!("skipped: this kernel has no IP_LOCAL_PORT_RANGE");
        return;
    }
    for (own, most) in [
        (30_004..=30_009, 6),
        (30_004..=30_006, 3),
        (30_003..=30_003, 1),
        // An end outside of the namespace's range does not count.
        (29_000..=30_004, 5),
        (30_015..=40_000, 5),
    ] {
        let client = Client {
            own_range: Some(own.clone()),
            ..Client::local(Family::V4, PORT)
        };
        let (room, open) = holds(&netns, &client);
        // Up to 6.7 an odd number of ports is rounded down here too.
        assert!(
            room.capacity == most || room.capacity + 1 == most,
            "{own:?}: {room:?}"
        );
        open.into_iter().for_each(socket::reset);
    }
}
