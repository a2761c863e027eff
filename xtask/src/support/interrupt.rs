//! Ctrl-C and its relatives end a run early, but in order.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};

/// Whether somebody asked this program to end.
#[derive(Clone)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes over SIGINT, SIGTERM and SIGHUP.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn install() -> Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            flag::register(signal, Arc::clone(&asked)).context("could not handle signals")?;
        }
        Ok(Self(asked))
    }

    /// Fails once somebody asked.
    ///
    /// # Errors
    /// When somebody asked.
    pub fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        Ok(())
    }

    /// Waits until that moment.
    ///
    /// # Errors
    /// When somebody asks to end before.
    pub fn sleep_until(&self, moment: Instant) -> Result<()> {
        loop {
            self.check()?;
            let left = moment.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(Duration::from_millis(50)));
        }
    }

    /// Waits until `done` says so; `what` names it in the error.
    ///
    /// # Errors
    /// When that takes longer than `limit`, or somebody asks to end before.
    pub fn wait_for(
        &self,
        what: &str,
        limit: Duration,
        mut done: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        let deadline = Instant::now() + limit;
        while !done()? {
            self.check()?;
            if Instant::now() > deadline {
                bail!("waited {} s for {what}", limit.as_secs());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}
