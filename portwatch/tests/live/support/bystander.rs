//! A process that holds one socket and nothing else.

use std::os::fd::{AsRawFd, OwnedFd};

use socket2::Socket;

use super::forked::Forked;

/// A forked child that shares a socket with the test; it ends, and lets go, when dropped.
pub struct Bystander {
    _process: Forked,
}

impl Bystander {
    /// Forks with the socket and closes it here: the child alone has it.
    pub fn take(socket: Socket) -> Self {
        let socket = OwnedFd::from(socket);
        // SAFETY: the child makes one system call.
        let process = unsafe {
            Forked::start(Some(socket.as_raw_fd()), || {
                libc::pause();
                0
            })
        };
        Self { _process: process }
    }
}
