//! connect without connect(2): through io_uring.

use std::{io, os::fd::AsRawFd};

use io_uring::{IoUring, opcode, squeue::Flags, types::Fd};
use rustix::io::Errno;
use socket2::{SockAddr, Socket};

/// An io_uring of the calling thread.
pub struct Ring(IoUring);

/// Who makes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worker {
    /// The thread that hands it in.
    Submitter,
    /// One of the kernel's own.
    Kernel,
}

impl Ring {
    /// None, with the reason, where this kernel has no io_uring or it is switched off.
    pub fn new() -> Result<Self, io::Error> {
        match IoUring::new(8) {
            Ok(ring) => Ok(Self(ring)),
            Err(error) => {
                let without = [Errno::NOSYS, Errno::PERM].map(Some);
                let errno = Errno::from_io_error(&error);
                assert!(without.contains(&errno), "io_uring: {error}");
                Err(error)
            }
        }
    }

    /// Connects, and waits for the result.
    pub fn connect(&mut self, socket: &Socket, peer: &SockAddr, by: Worker) -> io::Result<()> {
        let fd = Fd(socket.as_raw_fd());
        let mut request = opcode::Connect::new(fd, peer.as_ptr().cast(), peer.len()).build();
        if by == Worker::Kernel {
            request = request.flags(Flags::ASYNC);
        }
        // SAFETY: socket and address outlive the request: it is waited for below.
        unsafe { self.0.submission().push(&request) }.expect("room for a request");
        self.0.submit_and_wait(1)?;
        let result = self.0.completion().next().expect("a completion").result();
        if result < 0 {
            return Err(io::Error::from_raw_os_error(-result));
        }
        Ok(())
    }
}
