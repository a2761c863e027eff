//! The server side: a listener on every address of a namespace.

use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

use super::netns::Netns;

/// A listener for IPv4 and IPv6. What nobody accepts stays in its queue.
pub fn listen(netns: &Netns, port: u16) -> TcpListener {
    listen_with(netns, port, 1000)
}

/// A listener with a queue of its own length; the sysctl `core/somaxconn` is the limit.
pub fn listen_with(netns: &Netns, port: u16, backlog: i32) -> TcpListener {
    netns.run(|| {
        let socket = Socket::new(Domain::IPV6, Type::STREAM, None).expect("a socket");
        socket.set_only_v6(false).expect("IPV6_V6ONLY");
        socket.set_reuse_address(true).expect("SO_REUSEADDR");
        let any: SocketAddr = (std::net::Ipv6Addr::UNSPECIFIED, port).into();
        socket.bind(&any.into()).expect("bind");
        socket.listen(backlog).expect("listen");
        socket.into()
    })
}

/// A listener whose queue is full: it drops every SYN, so that connections to it stay SYN_SENT.
pub struct FullListener {
    _listener: TcpListener,
    _queued: Socket,
}

impl FullListener {
    pub fn start(netns: &Netns, port: u16) -> Self {
        let listener = listen_with(netns, port, 0);
        // From a bound port, so that the ports of the range are the test's own.
        let queued = netns.run(|| {
            let queued = super::socket::Family::V4.bound(([127, 0, 0, 99], 19_999).into());
            queued
                .connect(&SocketAddr::from(([127, 0, 0, 99], port)).into())
                .expect("connect");
            queued
        });
        Self {
            _listener: listener,
            _queued: queued,
        }
    }
}
