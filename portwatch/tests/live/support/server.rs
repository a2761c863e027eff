//! The server side: a listener on every address of a namespace.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use socket2::{Domain, SockRef, Socket, Type};

use super::{netns::Netns, wait};

/// Accepts whatever comes and holds it until the server is dropped.
pub struct Server {
    listener: Arc<TcpListener>,
    accepted: Arc<Mutex<Vec<TcpStream>>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on `port`, IPv4 and IPv6, and accepts.
    pub fn start(netns: &Netns, port: u16) -> Self {
        let listener = Arc::new(listen(netns, port, 4096));
        let accepted = Arc::new(Mutex::new(Vec::new()));
        let thread = {
            let (listener, accepted) = (listener.clone(), accepted.clone());
            std::thread::spawn(move || {
                // Ends with an error when the listener is shut down.
                while let Ok((stream, _)) = listener.accept() {
                    accepted.lock().expect("not poisoned").push(stream);
                }
            })
        };
        Self {
            listener,
            accepted,
            thread: Some(thread),
        }
    }

    /// Resets all `count` connections: no TIME_WAIT remains on either side. One that connect(2)
    /// has opened may still be on its way to being accepted.
    pub fn reset_all(&self, count: usize) {
        let all = wait::until("every connection to be accepted", wait::SOON, || {
            let mut accepted = self.accepted.lock().expect("not poisoned");
            (accepted.len() >= count).then(|| std::mem::take(&mut *accepted))
        });
        for stream in all {
            SockRef::from(&stream)
                .set_linger(Some(std::time::Duration::ZERO))
                .expect("SO_LINGER");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Wakes the accepting thread; fails only if it ended already.
        let _ = SockRef::from(&*self.listener).shutdown(std::net::Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A listener that nobody accepts from, for IPv4 and IPv6.
pub fn listen(netns: &Netns, port: u16, backlog: i32) -> TcpListener {
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
        let listener = listen(netns, port, 0);
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
