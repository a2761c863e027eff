//! The second serial port: reports and the tests' output. The first one is the kernel's console.

use std::{fs::File, io::Write as _, process::Stdio};

use anyhow::{Context as _, Result};
use guest_init::{MARK, Report};

const PORT: &str = "/dev/ttyS1";

/// The port, open for writing.
pub struct Serial(File);

impl Serial {
    /// Opens it.
    pub fn open() -> Result<Self> {
        let mut options = File::options();
        let file = options.write(true).open(PORT);
        Ok(Self(file.with_context(|| format!("opening {PORT}"))?))
    }

    /// An end of it for a program.
    pub fn stdio(&self) -> Result<Stdio> {
        Ok(self.0.try_clone().context("duplicating the port")?.into())
    }

    /// Writes a report, on a line of its own whatever was written before. There is nobody to tell
    /// about a failure: the host misses the report.
    pub fn tell(&self, report: &Report) {
        if let Ok(json) = serde_json::to_string(report) {
            let _ = (&self.0).write_all(format!("\n{MARK}{json}\n").as_bytes());
        }
    }

    /// Waits until everything is on the wire.
    pub fn drain(&self) -> Result<()> {
        rustix::termios::tcdrain(&self.0).context("draining the port")
    }
}
