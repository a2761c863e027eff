//! Processes of the tests' own that run no program.

use std::os::fd::RawFd;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// Longest that one lives, in seconds: a test that hangs must not leave it behind.
const LIFE: u32 = 300;

/// A forked child; killed, and waited for, when dropped.
pub struct Forked {
    pid: Pid,
    over: bool,
}

impl Forked {
    /// Forks the calling thread, in its network namespace. The child keeps no descriptor but
    /// `keep`, does its work, and exits with the code that this returns.
    ///
    /// # Safety
    /// The child of a threaded process may make system calls and nothing else: `work` must not
    /// allocate, take a lock, or panic.
    pub unsafe fn start(keep: Option<RawFd>, work: impl FnOnce() -> i32) -> Self {
        let keep = keep.map(|keep| u32::try_from(keep).expect("a descriptor"));
        // SAFETY: the child makes system calls only, as `work` does.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: plain system calls; the descriptors closed here are used by nobody in this
            // process, which ends without running anything else.
            unsafe {
                // Where another test waits for the end of a socket, this must not hold it.
                let first = keep.map_or(0, |keep| keep + 1);
                if let Some(last) = keep.and_then(|keep| keep.checked_sub(1)) {
                    libc::syscall(libc::SYS_close_range, 0u32, last, 0u32);
                }
                libc::syscall(libc::SYS_close_range, first, u32::MAX, 0u32);
                libc::alarm(LIFE);
                libc::_exit(work())
            }
        }
        Self {
            pid: Pid::from_raw(child).expect("fork"),
            over: false,
        }
    }

    pub fn pid(&self) -> u32 {
        self.pid.as_raw_pid().unsigned_abs()
    }

    /// Waits for its end and returns its exit code.
    pub fn code(mut self) -> i32 {
        let ended = waitpid(Some(self.pid), WaitOptions::empty()).expect("wait for a child");
        self.over = true;
        let (_, status) = ended.expect("an end");
        status.exit_status().expect("an exit code")
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        if !self.over {
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = waitpid(Some(self.pid), WaitOptions::empty());
        }
    }
}
