//! Writing to a terminal that may take nothing for a while: over a connection that hangs, a write
//! that waits would keep signals from ending this.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::{Interest, unix::AsyncFd};

/// How long the terminal may take for the last that is written.
const LAST: Duration = Duration::from_secs(1);

/// What is on its way to the terminal.
pub(super) struct Output {
    /// Opened anew, so that not waiting is our own affair: the shell shares what it gave us. None
    /// where that can't be; writing waits then.
    terminal: Option<AsyncFd<File>>,
    pending: Vec<u8>,
    written: usize,
}

impl Output {
    /// To stdout. To be called inside a tokio runtime.
    pub fn new() -> Self {
        let opened = OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open("/proc/self/fd/1");
        let terminal = opened.ok().and_then(|file| {
            // SAFETY: the file owns its descriptor and neither closes nor replaces it.
            unsafe { AsyncFd::register_with_interest(file, Interest::WRITABLE) }.ok()
        });
        Self {
            terminal,
            pending: Vec::new(),
            written: 0,
        }
    }

    /// Adds to what is on its way.
    pub fn put(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Whether everything has been taken.
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    /// Writes until everything is taken; nothing is lost when that is cut short.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub async fn flush(&mut self) -> io::Result<()> {
        while !self.is_idle() {
            let Some(terminal) = &self.terminal else {
                io::stdout().write_all(&self.pending[self.written..])?;
                io::stdout().flush()?;
                self.took(self.pending.len());
                break;
            };
            let mut ready = terminal.writable().await?;
            let left = &self.pending[self.written..];
            match ready.try_io(|terminal| terminal.get_ref().write(left)) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(count) => self.took(count?),
                // Not ready after all.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Writes what is left, within a bound: the end of everything.
    pub fn finish(&mut self) {
        let deadline = Instant::now() + LAST;
        while !self.is_idle() && Instant::now() < deadline {
            let left = &self.pending[self.written..];
            let result = match &self.terminal {
                Some(terminal) => terminal.get_ref().write(left),
                None => io::stdout().write(left),
            };
            match result {
                Ok(count) => self.took(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // There is nobody to write to.
                Err(_) => break,
            }
        }
        self.took(self.pending.len());
    }

    /// Waits a little for the terminal.
    fn wait(&self) {
        let Some(terminal) = &self.terminal else {
            return;
        };
        let mut polled = [PollFd::new(terminal, PollFlags::OUT)];
        let a_little = Timespec {
            tv_sec: 0,
            tv_nsec: 50_000_000,
        };
        // The deadline is looked at anyway.
        let _ = poll(&mut polled, Some(&a_little));
    }

    fn took(&mut self, count: usize) {
        self.written += count;
        if self.written >= self.pending.len() {
            self.pending.clear();
            self.written = 0;
        }
    }
}
