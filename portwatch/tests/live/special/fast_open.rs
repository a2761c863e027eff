//! TCP fast open: connections that wait for their first data, and ones made by sending it.

use std::{io::Write, net::SocketAddr};

use rustix::io::Errno;
use socket2::Socket;

use super::{PORT, RANGE, counted, told, v4};
use crate::support::{
    kernel_list::{self, SYN_SENT},
    netns::Netns,
    server,
    socket::{self, Family},
    watcher::Watcher,
};

/// Client and server take part, without cookies, on every listener (`TFO_*`, include/net/tcp.h).
const FREELY: u32 = 0x1 | 0x2 | 0x4 | 0x200 | 0x400;

fn sent_at_once(peer: SocketAddr) -> std::io::Result<Socket> {
    let socket = Family::V4.socket();
    socket::send_fast_open(&socket, &peer.into())?;
    Ok(socket)
}

fn deferred(peer: SocketAddr) -> std::io::Result<Socket> {
    let socket = Family::V4.socket();
    socket::defer_connect(&socket)?;
    socket.connect(&peer.into())?;
    Ok(socket)
}

#[test]
fn by_the_first_data() {
    fills_and_fails(sent_at_once);
}

#[test]
fn by_a_connect_that_waits_for_data() {
    fills_and_fails(deferred);
}

/// Opens all connections that there are ports for, and one more.
fn fills_and_fails(open: fn(SocketAddr) -> std::io::Result<Socket>) {
    let netns = Netns::named(RANGE);
    netns.sysctl("ipv4/tcp_fastopen", FREELY);
    let _server = server::listen(&netns, PORT);
    let peer = v4(PORT);
    let tuple = (peer.ip(), peer);
    let watcher = Watcher::start(&[&netns], &["--counts"]);
    let sockets: Vec<_> = netns.run(|| RANGE.map(|_| open(peer).expect("open")).collect());
    counted(&watcher, &netns, &[(tuple, 10)]);
    let result = netns.run(|| open(peer));
    assert_eq!(socket::errno(&result), Some(Errno::ADDRNOTAVAIL));
    told(&watcher, "exhausted", &[(tuple, std::process::id())]);

    sockets.iter().for_each(socket::disconnect);
    counted(&watcher, &netns, &[]);
    watcher.stop();
}

#[test]
fn a_connection_that_waits_for_its_data_has_its_port() {
    let netns = Netns::named(RANGE);
    netns.sysctl("ipv4/tcp_fastopen", FREELY);
    let _server = server::listen(&netns, PORT);
    let tuple = (v4(PORT).ip(), v4(PORT));
    let watcher = Watcher::start(&[&netns], &["--counts"]);
    let mut socket = netns.run(|| deferred(v4(PORT)).expect("connect"));
    let states = || kernel_list::sockets(&netns).into_iter().map(|s| s.state);
    assert_eq!(states().collect::<Vec<_>>(), [SYN_SENT]);
    counted(&watcher, &netns, &[(tuple, 1)]);

    socket.write_all(b"x").expect("write");
    assert!(states().all(|state| state != SYN_SENT));
    counted(&watcher, &netns, &[(tuple, 1)]);
    socket::disconnect(&socket);
    counted(&watcher, &netns, &[]);

    // Given up before any data.
    let socket = netns.run(|| deferred(v4(PORT)).expect("connect"));
    counted(&watcher, &netns, &[(tuple, 1)]);
    drop(socket);
    counted(&watcher, &netns, &[]);
    watcher.stop();
}
