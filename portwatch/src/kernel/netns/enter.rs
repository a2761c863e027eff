use std::{
    io,
    os::fd::BorrowedFd,
    panic::resume_unwind,
    thread::{Builder, scope},
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Runs a function in a thread of its own that has entered the namespace, and returns its result.
/// The calling thread never leaves its own namespace. A panic of the function goes on in the caller.
///
/// # Errors
/// When the thread can't be started or the namespace can't be entered, which takes CAP_SYS_ADMIN.
pub fn in_netns<T: Send>(
    namespace: BorrowedFd<'_>,
    function: impl FnOnce() -> T + Send,
) -> io::Result<T> {
    let enter_and_run = || {
        move_into_link_name_space(namespace, Some(LinkNameSpaceType::Network))?;
        Ok(function())
    };
    scope(|scope| {
        Builder::new()
            .name("netns".to_owned())
            .spawn_scoped(scope, enter_and_run)?
            .join()
            .unwrap_or_else(|panic| resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use crate::kernel::netns::{
        Netns,
        fixture::{OWN, TestNetns},
        in_netns,
    };

    #[test]
    fn runs_inside_and_leaves_the_caller_outside() {
        let before = Netns::open(OWN.as_ref()).unwrap().inum;
        let namespace = TestNetns::new();
        let inside = in_netns(namespace.as_fd(), || {
            Netns::open(OWN.as_ref()).unwrap().inum
        });
        assert_eq!(inside.unwrap(), namespace.inum());
        assert_ne!(before, namespace.inum());
        assert_eq!(Netns::open(OWN.as_ref()).unwrap().inum, before);
    }

    #[test]
    fn refuses_what_is_no_network_namespace() {
        let file = tempfile::tempfile().unwrap();
        assert!(in_netns(file.as_fd(), || ()).is_err());
        let other = std::fs::File::open("/proc/self/ns/uts").unwrap();
        assert!(in_netns(other.as_fd(), || ()).is_err());
        for path in [
            "/proc/self/ns/uts",
            "/proc/self/comm",
            "/proc",
            "/nonexistent",
        ] {
            assert!(Netns::open(path.as_ref()).is_err(), "{path}");
        }
    }
}
