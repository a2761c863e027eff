//! Ports in TIME_WAIT, at the price that connect has for them.

use std::{
    net::{SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use super::room::{Client, both_hold};
use crate::support::{
    netns::Netns,
    server,
    socket::{self, Family},
    veth, wait,
};

const PORT: u16 = 8080;
const FRESH: u16 = 8081;
const COUNT: usize = 6;
/// Older than this a connection in TIME_WAIT is old enough for any kernel.
const OLD: Duration = Duration::from_millis(2100);

/// Leaves [`COUNT`] connections of the client in TIME_WAIT, whatever `tcp_tw_reuse` will be.
fn leave(netns: &Netns, client: &Client, listener: &TcpListener) {
    netns.sysctl("ipv4/tcp_tw_reuse", 0);
    let open = client.open(netns, COUNT);
    for client in open {
        let (server, _) = listener.accept().expect("accept");
        socket::close(client);
        socket::close(server.into());
    }
    // Where both FINs are under way at once, the other end comes to TIME_WAIT as well.
    let own = format!("state time-wait dport = :{PORT}");
    let own: Vec<&str> = ["-Htan"].into_iter().chain(own.split(' ')).collect();
    wait::until("TIME_WAIT", wait::SOON, || {
        let listed = netns.command("ss", &own);
        (listed.lines().count() == COUNT).then_some(())
    });
}

fn reclaimed(near: &Netns, far: &Netns, peer: SocketAddr, mode: u8) -> usize {
    let listener = server::listen(far, PORT);
    let _fresh = server::listen(far, FRESH);
    let client = Client::to(Family::V4, peer);
    let fresh = Client::to(Family::V4, SocketAddr::new(peer.ip(), FRESH));
    leave(near, &client, &listener);
    thread::sleep(OLD);
    near.sysctl("ipv4/tcp_tw_reuse", mode);
    let (room, _open) = both_hold(near, &client, &fresh);
    assert_eq!((room.used, room.capacity), (COUNT, 20));
    let expected = 20 - COUNT + room.reclaimable;
    assert_eq!(room.headroom, expected..=expected, "mode {mode}");
    room.reclaimable
}

#[test]
fn on_loopback() {
    for (mode, expected) in [(0, 0), (1, COUNT), (2, COUNT)] {
        let netns = Netns::named(30_000..=30_019);
        let peer = ([127, 0, 0, 1], PORT).into();
        assert_eq!(reclaimed(&netns, &netns, peer, mode), expected, "{mode}");
    }
}

#[test]
fn between_two_namespaces() {
    for (mode, expected) in [(0, 0), (1, COUNT), (2, 0)] {
        let (near, far) = (Netns::named(30_000..=30_019), Netns::named(40_000..=40_019));
        veth::connect(&near, &far);
        let peer = (veth::FAR, PORT).into();
        assert_eq!(reclaimed(&near, &far, peer, mode), expected, "{mode}");
    }
}

#[test]
fn without_timestamps_none_is_taken_back() {
    let netns = Netns::named(30_000..=30_019);
    netns.sysctl("ipv4/tcp_timestamps", 0);
    let peer = ([127, 0, 0, 1], PORT).into();
    assert_eq!(reclaimed(&netns, &netns, peer, 1), 0);
}
