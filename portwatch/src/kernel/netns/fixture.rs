//! Network namespaces for tests; making one takes root.

use std::{
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    thread,
};

use super::{Netns, enter_new_netns};

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
            enter_new_netns().unwrap();
            function()
        };
        scope.spawn(inside).join().unwrap()
    })
}
