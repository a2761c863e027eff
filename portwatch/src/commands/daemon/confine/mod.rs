//! Giving back what only the start needs.
//!
//! The order, and why it is this one:
//!
//! 1. The tracer loads and attaches and takes in what there is, and sockets are bound, with all that the
//!    daemon was given. Its threads have ended then.
//! 2. [`process`], while there is one thread: capabilities, no new privileges, system calls. None of
//!    them reaches a thread that exists already; every later one inherits them.
//! 3. The threads start that look at other processes: the keeper and the scout.
//! 4. [`this_thread`]: what is left, the thread that reads what others send, loses the file system
//!    and the right to enter namespaces.
//!
//! Landlock comes last and to one thread only because it forbids whom it confines to look at any
//! process outside (`ptrace_may_access`), and so at `/proc/PID/ns/net`, which the other threads are for.
//! Threads share their memory: this holds against a mistake of ours, not against foreign code that
//! already runs in the process. Against that there is step 2, for all of them.

mod capabilities;
mod landlock;
mod seccomp;
#[cfg(test)]
mod tests;

use std::{
    fs, io, thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

pub(super) use self::landlock::Files;
use crate::kernel::host::Capability;

/// How long a thread may still be listed after its end was waited for: the kernel tells first, and takes
/// it off the list then.
const ENDING: Duration = Duration::from_secs(1);
/// Time between two looks at the list.
const LOOK: Duration = Duration::from_millis(1);

/// Confines the whole process, for good.
///
/// # Errors
/// When there are other threads, which would stay as they are, or the kernel refuses what it never
/// should.
pub(super) fn process() -> Result<()> {
    let deadline = Instant::now() + ENDING;
    loop {
        let threads = threads().context("cannot look for threads")?;
        if threads == 1 {
            return privileges();
        }
        ensure!(
            Instant::now() < deadline,
            "{threads} threads already run: too late to confine them"
        );
        thread::sleep(LOOK);
    }
}

fn threads() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/task")?.count())
}

/// Confines the calling thread, and those that it starts, as [`process`] does.
///
/// # Errors
/// As [`process`].
fn privileges() -> Result<()> {
    // The bounding set first: that takes a capability. The filter last: it forbids the rest.
    let kept = capabilities::keep(&capabilities::LIFE).context("cannot drop capabilities")?;
    rustix::thread::set_no_new_privs(true).context("cannot refuse new privileges")?;
    let names: Vec<_> = kept.into_iter().map(Capability::name).collect();
    log::info!("capabilities from here on: {}", names.join(", "));
    seccomp::restrict()
}

/// Confines the calling thread further: it may read these files and no others, and enter no namespace.
///
/// # Errors
/// When the kernel refuses what it never should.
pub(super) fn this_thread(files: &Files) -> Result<()> {
    landlock::restrict(files)?;
    capabilities::keep(&capabilities::TALK).context("cannot drop capabilities")?;
    Ok(())
}
