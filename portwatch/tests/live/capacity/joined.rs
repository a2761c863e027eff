//! A bind that lands on a port which connect uses already.

use std::net::SocketAddr;

use socket2::Socket;

use super::room::{Client, ask, both_hold};
use crate::support::{
    netns::Netns,
    server,
    socket::{self, Family},
};

const PORT: u16 = 8080;
const FRESH: u16 = 8081;
const OTHER: u16 = 8082;

fn port_of(socket: &Socket) -> u16 {
    let local = socket.local_addr().expect("a local address");
    local.as_socket().expect("an IP address").port()
}

/// Before 6.17.13 the port stays blocked until its last connection is gone, since then only while
/// the bound socket is there. Whichever it is, portwatch tells what happens.
#[test]
fn blocks_it_and_may_go_on_to_block_it_when_it_goes() {
    let netns = Netns::named(30_000..=30_019);
    let _servers = [PORT, FRESH, OTHER].map(|port| server::listen(&netns, port));
    let client = Client::local(Family::V4, PORT);
    let fresh = Client::local(Family::V4, FRESH);
    let mut own = client.open(&netns, 4);
    let mut others = Client::local(Family::V4, OTHER).open(&netns, 4);
    let join = |socket: &Socket| {
        let local = SocketAddr::from(([127, 0, 0, 2], port_of(socket)));
        netns.run(|| Family::V4.bound(local))
    };
    let first = ask(&netns, &client);
    let others_port = port_of(&others[0]);
    let is_own = own.iter().any(|socket| port_of(socket) == others_port);
    let joined = [join(&own[0]), join(&others[0])];
    let blocked = if port_of(&own[0]) == others_port {
        1
    } else {
        2
    };
    let room = ask(&netns, &client);
    assert_eq!((first.blocked, room.blocked), (0, blocked));
    // A port of its own that is blocked too costs the tuple no more than it did.
    assert_eq!(*room.headroom.end(), if is_own { 16 } else { 15 });
    let (_, open) = both_hold(&netns, &client, &fresh);
    open.into_iter().for_each(socket::reset);

    drop(joined);
    let room = ask(&netns, &client);
    assert!(room.blocked == blocked || room.blocked == 0, "{room:?}");
    let (_, open) = both_hold(&netns, &client, &fresh);
    open.into_iter().for_each(socket::reset);

    socket::reset(own.remove(0));
    socket::reset(others.remove(0));
    let (_, open) = both_hold(&netns, &client, &fresh);
    open.into_iter().for_each(socket::reset);
    own.into_iter().chain(others).for_each(socket::reset);
    assert_eq!(ask(&netns, &client).blocked, 0);
}
