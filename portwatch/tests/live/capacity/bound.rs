//! Ports that somebody holds through bind.

use std::net::{SocketAddr, TcpListener, TcpStream};

use socket2::Socket;

use super::room::{Client, both_hold, holds};
use crate::support::{
    netns::Netns,
    server,
    socket::{self, Family},
};

const PORT: u16 = 8080;
const FRESH: u16 = 8081;

struct Place {
    netns: Netns,
    _servers: [TcpListener; 2],
}

impl Place {
    /// Forty ports.
    fn new() -> Self {
        let netns = Netns::named(30_000..=30_039);
        let _servers = [server::listen(&netns, PORT), server::listen(&netns, FRESH)];
        Self { netns, _servers }
    }

    /// What portwatch says of a tuple with two connections is right, and so many ports are blocked.
    fn blocked(&self, blocked: usize) {
        let client = Client::local(Family::V4, PORT);
        let some = client.open(&self.netns, 2);
        let (room, open) = both_hold(&self.netns, &client, &Client::local(Family::V4, FRESH));
        assert_eq!((room.blocked, room.capacity), (blocked, 40 - blocked));
        some.into_iter().chain(open).for_each(socket::reset);
    }

    /// Sockets bound to a port of the kernel's choice.
    fn bind_zero(&self, count: usize) -> Vec<Socket> {
        self.netns.run(|| {
            let bound = |_| {
                let socket = Family::V4.socket();
                let any = SocketAddr::from(([127, 0, 0, 1], 0));
                socket.bind(&any.into()).expect("bind");
                socket
            };
            (0..count).map(bound).collect()
        })
    }
}

#[test]
fn listeners_inside_the_range() {
    let place = Place::new();
    let _listeners = place.netns.run(|| {
        let v4 = |port| TcpListener::bind(SocketAddr::from(([127, 0, 0, 77], port))).expect("bind");
        let v6 = TcpListener::bind(("::1", 30_003)).expect("bind");
        [v4(30_000), v4(30_001), v6]
    });
    place.blocked(3);
}

#[test]
fn ports_bound_to_zero_idle_and_connected() {
    let place = Place::new();
    let idle = place.bind_zero(7);
    place.blocked(7);
    let connected = place.bind_zero(5);
    place.netns.run(|| {
        for socket in &connected {
            let peer = SocketAddr::from(([127, 0, 0, 1], PORT));
            socket.connect(&peer.into()).expect("connect");
        }
    });
    place.blocked(12);
    drop(idle);
    place.blocked(5);
}

#[test]
fn a_tuple_without_a_connection_that_is_exhausted() {
    let place = Place::new();
    let mut idle = Vec::new();
    // bind has its own opinion of the order, but finds every port in the end.
    while idle.len() < 40 {
        idle.extend(place.bind_zero(1));
    }
    let (room, open) = holds(&place.netns, &Client::local(Family::V4, PORT));
    assert_eq!((room.used, room.capacity, open.len()), (0, 0, 0));
    assert_eq!(room.free, "");
}

#[test]
fn bound_with_reuse_of_the_address() {
    let place = Place::new();
    let local = SocketAddr::from(([127, 0, 0, 1], 30_010));
    let _bound = place.netns.run(|| {
        let one = || Family::V4.bound(local);
        [
            one(),
            one(),
            Family::V4.bound(([127, 0, 0, 5], 30_011).into()),
        ]
    });
    place.blocked(2);
}

#[test]
fn children_of_a_listener_that_closed() {
    let place = Place::new();
    let (children, peers) = place.netns.run(|| {
        let listener = TcpListener::bind(("127.0.0.1", 30_020)).expect("bind");
        let pair = |port: u16| {
            let peer = Family::V4.bound(([127, 0, 0, 9], port).into());
            let to = listener.local_addr().expect("an address");
            peer.connect(&to.into()).expect("connect");
            (listener.accept().expect("accept").0, peer)
        };
        let pairs: (Vec<TcpStream>, Vec<Socket>) = [20_001, 20_002].map(pair).into_iter().unzip();
        pairs
    });
    place.blocked(1);
    // Reset, so that nothing stays in TIME_WAIT.
    peers.into_iter().for_each(socket::reset);
    drop(children);
    place.blocked(0);
}

#[test]
fn reserved_and_blocked_is_lost_once() {
    let place = Place::new();
    let _listener = place
        .netns
        .run(|| TcpListener::bind(("127.0.0.1", 30_005)).expect("bind"));
    place.netns.reserve("30004-30006");
    let (room, _open) = holds(&place.netns, &Client::local(Family::V4, PORT));
    assert_eq!((room.blocked, room.capacity), (0, 37));
    assert_eq!(room.headroom, 37..=37);
}
