//! Child processes that never outlive this program.

use std::{
    io,
    os::unix::process::CommandExt as _,
    process::{Child, ChildStdout, Command, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

use super::process;

/// A process that is killed when this value is dropped, and when this program dies.
pub struct Guarded {
    child: Child,
    shown: String,
}

impl Guarded {
    /// Starts a process, outside the terminal's foreground group: Ctrl-C ends this program, which
    /// then ends its children in order. Has to be called by the main thread, because the kernel
    /// takes the death of the starting thread for the death of the parent.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let shown = process::show(command);
        command.process_group(0);
        // SAFETY: between fork and exec the closure makes one system call, no allocation.
        unsafe {
            command.pre_exec(|| {
                set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from)
            });
        }
        let child = command
            .spawn()
            .with_context(|| format!("could not start `{shown}`"))?;
        Ok(Self { child, shown })
    }

    /// Process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its output, where it was piped and nobody took it yet.
    ///
    /// # Errors
    /// When there is none.
    pub fn stdout(&mut self) -> Result<ChildStdout> {
        self.child.stdout.take().context("the output was not piped")
    }

    /// Fails when the process has ended.
    ///
    /// # Errors
    /// Says how it ended.
    pub fn require_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("`{}` ended: {status}", self.shown),
        }
    }

    /// How it ended; none while it runs.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let status = self.child.try_wait();
        status.with_context(|| format!("waiting for `{}`", self.shown))
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        // Both fail only for a process that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, as Ctrl-C does, and waits for that.
    ///
    /// # Errors
    /// When it does not end in five seconds, or not with success.
    pub fn interrupt(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::INT)
            .with_context(|| format!("interrupting `{}`", self.shown))?;
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("`{}` ended badly: {status}", self.shown),
                None if Instant::now() > deadline => bail!("`{}` does not end", self.shown),
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.kill();
    }
}
