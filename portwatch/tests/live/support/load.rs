//! Connections that come and go, and connects that fail, for as long as something else is done.

use std::{
    net::{SocketAddr, TcpListener},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
};

use rustix::io::Errno;

use super::{
    netns::Netns,
    socket::{self, Family},
};

/// What a load does again and again, as fast as it can.
pub struct Load<'a> {
    /// Where it does.
    pub netns: &'a Netns,
    /// Takes the connections in; it must not block.
    pub listener: &'a TcpListener,
    /// A connection is opened to this peer, and reset.
    pub coming: SocketAddr,
    /// No port is left towards this one.
    pub full: SocketAddr,
}

impl Load<'_> {
    /// Does some work under it. That sees how many connects there have been, half of which failed.
    pub fn during<T>(&self, work: impl FnOnce(&AtomicU64) -> T) -> T {
        let (over, connects) = (AtomicBool::new(false), AtomicU64::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                self.netns.enter();
                while !over.load(Relaxed) {
                    self.once();
                    connects.fetch_add(2, Relaxed);
                }
            });
            // Also where the work panics.
            let _over = Over(&over);
            work(&connects)
        })
    }

    fn once(&self) {
        let failed = Family::V4.connect(self.full);
        assert_eq!(socket::errno(&failed), Some(Errno::ADDRNOTAVAIL));
        match Family::V4.connect(self.coming) {
            Ok(client) => socket::reset(client),
            // Once in some ten thousand times: the reset of the one before may still be under way, and
            // meet this one when it has the same port.
            refused => assert_eq!(socket::errno(&refused), Some(Errno::CONNREFUSED)),
        }
        while self.listener.accept().is_ok() {}
    }
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
