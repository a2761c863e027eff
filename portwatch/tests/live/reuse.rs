//! Sockets used before carry a stale port; their real exhaustion is seen all the same.

use std::{io, net::SocketAddr};

use rustix::io::Errno;
use socket2::Socket;

use crate::support::{
    netns::Netns,
    server,
    socket::{self, Family},
    watcher::Watcher,
};

const FULL: u16 = 8080;
const ROOM: u16 = 8081;
const CLOSED: u16 = 7;

fn exhausted_after(family: Family, attempt: impl Fn(&Socket, SocketAddr) -> io::Result<()> + Sync) {
    let netns = Netns::named(30_000..=30_009);
    let _servers = [server::listen(&netns, FULL), server::listen(&netns, ROOM)];
    let at = |port| SocketAddr::new(family.loopback(), port);
    let watcher = Watcher::start(&[&netns], &[]);
    let _open = netns.run(|| {
        let open: Vec<_> = (0..10).map(|_| family.connect(at(FULL)).unwrap()).collect();
        let result = attempt(&family.socket(), at(FULL));
        assert_eq!(socket::errno(&result), Some(Errno::ADDRNOTAVAIL));
        open
    });
    let exhausted = watcher.first("exhausted");
    assert_eq!(exhausted.tuple(), (family.loopback(), at(FULL)));
    assert_eq!(exhausted.small("used"), 10);
    assert_eq!(exhausted.small("pid"), std::process::id());
    let events = watcher.stop();
    assert_eq!(
        events.iter().filter(|e| e.is("exhausted")).count(),
        1,
        "{events:#?}"
    );
}

fn connect(family: Family, socket: &Socket, peer: SocketAddr) -> io::Result<()> {
    socket.connect(&family.name(peer))
}

#[test]
fn after_a_refused_attempt() {
    for family in [Family::V4, Family::V6, Family::Mapped] {
        exhausted_after(family, |socket, full| {
            let refused = connect(family, socket, SocketAddr::new(full.ip(), CLOSED));
            assert_eq!(socket::errno(&refused), Some(Errno::CONNREFUSED));
            connect(family, socket, full)
        });
    }
}

#[test]
fn after_a_disconnect() {
    for family in [Family::V4, Family::V6, Family::Mapped] {
        exhausted_after(family, |socket, full| {
            connect(family, socket, SocketAddr::new(full.ip(), ROOM)).expect("connect");
            socket::disconnect(socket);
            connect(family, socket, full)
        });
    }
}

#[test]
fn by_fast_open() {
    exhausted_after(Family::V4, |socket, full| {
        socket::send_fast_open(socket, &full.into()).map(drop)
    });
}

#[test]
fn with_the_address_bound_and_the_port_left_open() {
    exhausted_after(Family::V4, |socket, full| {
        socket::bind_address_no_port(socket, &SocketAddr::new(full.ip(), 0).into()).expect("bind");
        connect(Family::V4, socket, full)
    });
}
