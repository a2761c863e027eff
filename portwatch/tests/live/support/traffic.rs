//! Connections in states that outlast the calls that made them.

use std::net::{SocketAddr, TcpListener};

use super::{
    kernel_list,
    netns::Netns,
    socket::{self, Family},
    wait,
};

/// Opens connections and closes both ends, the client first: each leaves a TIME_WAIT behind.
pub fn leave_time_wait(netns: &Netns, listener: &TcpListener, peer: SocketAddr, count: usize) {
    let before = in_time_wait(netns, peer);
    for _ in 0..count {
        let client = netns.run(|| Family::V4.connect(peer).expect("connect"));
        let (server, _) = listener.accept().expect("accept");
        socket::close(client);
        socket::close(server.into());
    }
    wait::until("TIME_WAIT", wait::SOON, || {
        (in_time_wait(netns, peer) == before + count).then_some(())
    });
}

fn in_time_wait(netns: &Netns, peer: SocketAddr) -> usize {
    let sockets = kernel_list::sockets(netns);
    sockets
        .iter()
        .filter(|s| s.peer == peer && s.state == kernel_list::TIME_WAIT)
        .count()
}
