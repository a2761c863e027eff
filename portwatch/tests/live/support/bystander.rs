//! A process that holds one socket and nothing else.

use std::os::fd::{AsRawFd, OwnedFd};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use socket2::Socket;

/// A forked child that shares a socket with the test; it ends, and lets go, when dropped.
pub struct Bystander {
    pid: Pid,
}

impl Bystander {
    /// Forks with the socket and closes it here: the child alone has it.
    pub fn take(socket: Socket) -> Self {
        let socket = OwnedFd::from(socket);
        let keep = u32::try_from(socket.as_raw_fd()).expect("a descriptor");
        // SAFETY: the child of a threaded process may only make system calls, and does.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: plain system calls; the descriptors closed here are used by nobody in this
            // process, which ends without running anything else.
            unsafe {
                if keep > 0 {
                    libc::syscall(libc::SYS_close_range, 0u32, keep - 1, 0u32);
                }
                libc::syscall(libc::SYS_close_range, keep + 1, u32::MAX, 0u32);
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                libc::alarm(300);
                libc::pause();
                libc::_exit(0)
            }
        }
        Self {
            pid: Pid::from_raw(child).expect("fork"),
        }
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = kill_process(self.pid, Signal::KILL);
        let _ = waitpid(Some(self.pid), WaitOptions::empty());
    }
}
