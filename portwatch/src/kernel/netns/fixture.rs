//! Network namespaces for tests; making one takes root.

use std::{
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    path::Path,
    thread,
};

use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::Netns;

/// The calling thread's namespace.
pub(crate) const OWN: &str = "/proc/thread-self/ns/net";

/// A new namespace that nothing but one descriptor of this process holds.
pub(crate) struct TestNetns(Netns);

impl TestNetns {
    pub fn new() -> Self {
        Self(in_new_netns(|| Netns::open(Path::new(OWN)).unwrap()))
    }

    pub fn into_inner(self) -> Netns {
        self.0
    }

    pub fn inum(&self) -> u32 {
        self.0.inum
    }
}

impl AsFd for TestNetns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Runs a function in a thread in a new namespace, loopback down.
pub(crate) fn in_new_netns<T: Send>(function: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let inside = || {
            enter_new_netns();
            function()
        };
        scope.spawn(inside).join().unwrap()
    })
}

/// Moves the calling thread, which has to be one of the test's own, into a new namespace.
pub(crate) fn enter_new_netns() {
    // SAFETY: a network namespace of its own for this thread breaks no assumption of memory or
    // descriptors.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.unwrap();
}

/// Brings up the loopback of the calling thread's namespace.
pub(crate) fn loopback_up() {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    // SAFETY: an `ifreq` is plain data, for which zeros are a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads an `ifreq`, and the socket is open.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &request) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}
