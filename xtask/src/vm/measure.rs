//! Guests that measure: on a real clock, one at a time.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use guest_init::{Plan, Test};
use serde_json::Value;

use super::{
    accelerator::Accelerator,
    follow::Follow,
    guest::{Contents, Measuring},
    kernels::{Cache, Kernel},
    outcome::Outcome,
    qemu::{self, Guest, OUTPUT},
    verdict,
};
use crate::support::{
    interrupt::Interrupt,
    packages::{self, IP, QEMU, XZ},
    workspace,
};

/// Far more than a guest needs to boot and to say what its kernel offers.
const VERDICT: Duration = Duration::from_secs(120);
/// Loads on every kernel; a guest runs nothing where its hook set does not.
const HOOKS: &str = "tracepoint";

/// A kernel, and all that is needed to measure on it.
pub struct Laboratory<'a> {
    kernel: Kernel,
    programs: Measuring,
    accelerator: Accelerator,
    directory: PathBuf,
    interrupt: &'a Interrupt,
}

/// What a guest said that did nothing but look.
pub struct Look {
    /// Kernel release.
    pub release: String,
    /// From QEMU's start to the guest's end, by this machine's clock.
    pub time: Duration,
    /// `portwatch doctor --json`.
    pub doctor: Value,
}

impl<'a> Laboratory<'a> {
    /// Gets the newest kernel of a line, and builds what runs on it.
    ///
    /// # Errors
    /// When something can't be had.
    pub fn prepare(line: &str, interrupt: &'a Interrupt) -> Result<Self> {
        packages::ensure(&[QEMU, XZ, IP])?;
        let directory = workspace::target().join("vm");
        let kernel = Cache::open(&directory)?.newest(line)?;
        let programs = Measuring::build()?;
        let probe = Contents::of_probe(&programs.init)?;
        let accelerator = Accelerator::find(&directory, &kernel, &probe, interrupt)?;
        Ok(Self {
            kernel,
            programs,
            accelerator,
            directory: directory.join(super::RUNS),
            interrupt,
        })
    }

    /// Whether the processor is emulated.
    #[must_use]
    pub fn emulated(&self) -> bool {
        self.accelerator != Accelerator::Kvm
    }

    /// portwatch, at the path that it has here and in the guest.
    #[must_use]
    pub fn portwatch(&self) -> &Path {
        &self.programs.portwatch
    }

    /// Boots as `cargo xtask vm` does, and asks portwatch what the kernel offers.
    ///
    /// # Errors
    /// When the guest does not get that far.
    pub fn look(&self) -> Result<Look> {
        let contents = self.programs.contents(&[])?;
        let (outcome, time) = self.run("look", &contents, self.accelerator, Vec::new(), VERDICT)?;
        let release = outcome.release.context("the guest did not boot")?;
        let doctor = outcome.doctor.context("the guest's doctor said nothing")?;
        Ok(Look {
            release,
            time,
            doctor,
        })
    }

    /// Runs this program with these arguments in a guest that has these tools; the lines that it
    /// printed.
    ///
    /// # Errors
    /// When the guest does not get to its end within `limit`.
    pub fn measure(
        &self,
        tools: &[String],
        arguments: Vec<String>,
        limit: Duration,
    ) -> Result<Vec<String>> {
        let contents = self.programs.contents(tools)?;
        let bench = Test {
            name: "bench".to_owned(),
            program: self.programs.xtask.clone(),
            arguments,
        };
        let accelerator = self.accelerator.in_real_time();
        let (outcome, _) = self.run("bench", &contents, accelerator, vec![bench], limit)?;
        let program = outcome.programs.into_iter().next();
        Ok(program.context("the guest measured nothing")?.output)
    }

    fn run(
        &self,
        name: &str,
        contents: &Contents,
        accelerator: Accelerator,
        tests: Vec<Test>,
        limit: Duration,
    ) -> Result<(Outcome, Duration)> {
        let directory = qemu::directory(&self.directory, &self.kernel.name, name);
        let plan = Plan {
            portwatch: Some(self.programs.portwatch.clone()),
            hooks: HOOKS.to_owned(),
            tests,
            ..Plan::default()
        };
        let mut guest = Guest::start(&self.kernel, contents, plan, accelerator, limit, &directory)?;
        let mut follow = Follow::open(&directory.join(OUTPUT))?;
        let end = loop {
            self.interrupt.check()?;
            let end = guest.poll()?;
            follow.show()?;
            if let Some(end) = end {
                break end;
            }
        };
        let time = guest.age();
        let outcome = Outcome::read(&directory)?;
        let all_well = outcome.programs.iter().all(|program| program.succeeded);
        if outcome.done.is_none() || !all_well {
            verdict::explain(&outcome, &directory, false);
            bail!("a guest with kernel {} failed: {end:?}", self.kernel.name);
        }
        qemu::tidy(&directory)?;
        Ok((outcome, time))
    }
}
