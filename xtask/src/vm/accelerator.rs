//! Whether guests run on the processor or are emulated.

use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result};
use guest_init::Plan;

use super::{guest::Contents, kernels::Kernel, outcome::Outcome, qemu::Guest};
use crate::support::interrupt::Interrupt;

/// Far more than a guest needs that does nothing but boot.
const PROBE: Duration = Duration::from_secs(15);

/// How a guest's instructions are executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Accelerator {
    /// By the processor.
    Kvm,
    /// By QEMU, ten times slower, but with a clock that skips over waits.
    Tcg,
    /// By QEMU, with the real clock: for measuring.
    #[value(skip)]
    TcgInRealTime,
}

impl Accelerator {
    /// The same, with a clock that runs evenly.
    #[must_use]
    pub fn in_real_time(self) -> Self {
        match self {
            Self::Tcg => Self::TcgInRealTime,
            other => other,
        }
    }

    /// KVM where it works. A machine may have the device and still not run a guest, so one is
    /// booted; the answer holds until the machine starts again, and is kept in `directory`.
    ///
    /// # Errors
    /// When a guest can't even be started.
    pub fn find(
        directory: &Path,
        kernel: &Kernel,
        contents: &Contents,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        if File::options()
            .read(true)
            .write(true)
            .open("/dev/kvm")
            .is_err()
        {
            return Ok(Self::Tcg);
        }
        let memory = directory.join("accelerator");
        let machine = fs::read_to_string("/proc/sys/kernel/random/boot_id");
        let machine = machine.context("reading the boot's number")?;
        let answer = |kvm: bool| format!("{machine}{}\n", if kvm { "kvm" } else { "tcg" });
        let known = fs::read_to_string(&memory).unwrap_or_default();
        let works = if known == answer(true) {
            true
        } else if known == answer(false) {
            false
        } else {
            let works = probe(directory, kernel, contents, interrupt)?;
            fs::write(&memory, answer(works)).context("remembering whether KVM works")?;
            works
        };
        Ok(if works { Self::Kvm } else { Self::Tcg })
    }
}

fn probe(
    directory: &Path,
    kernel: &Kernel,
    contents: &Contents,
    interrupt: &Interrupt,
) -> Result<bool> {
    println!("seeing whether KVM runs a guest");
    let directory = directory.join("probe");
    let plan = Plan::default();
    let mut guest = Guest::start(kernel, contents, plan, Accelerator::Kvm, PROBE, &directory)?;
    let mut end = None;
    while end.is_none() {
        interrupt.check()?;
        end = guest.poll()?;
    }
    Ok(Outcome::read(&directory)?.done.is_some())
}
