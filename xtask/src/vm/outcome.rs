//! What a guest left on its serial ports.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use guest_init::{MARK, Report};
use serde_json::Value;

use super::qemu::OUTPUT;
use crate::support::tally::Tally;

/// A guest's reports, and its tests' output.
#[derive(Clone, Default)]
pub struct Outcome {
    /// Kernel release; none where the guest did not boot.
    pub release: Option<String>,
    /// Seconds from the kernel's start to the first process, by the guest's clock.
    pub booted: Option<f64>,
    /// `portwatch doctor --json`.
    pub doctor: Option<Value>,
    /// What went wrong beside the tests.
    pub complaints: Vec<String>,
    /// Test programs that were started.
    pub programs: Vec<Program>,
    /// The kernel's taint at the end; none where the guest did not get there.
    pub done: Option<u64>,
}

/// A run of a test program.
#[derive(Clone, Default)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// What it wrote.
    pub output: Vec<String>,
    /// Sum of its results.
    pub tally: Tally,
    /// Whether it ended, and with success.
    pub succeeded: bool,
    /// How it ended.
    pub end: Option<String>,
}

impl Outcome {
    /// Reads what the guest whose files are in `directory` wrote.
    ///
    /// # Errors
    /// When that file can't be read.
    pub fn read(directory: &Path) -> Result<Self> {
        let path = directory.join(OUTPUT);
        let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let mut outcome = Self::default();
        for line in String::from_utf8_lossy(&bytes).lines() {
            outcome.add(line.trim_end_matches('\r'));
        }
        Ok(outcome)
    }

    /// The programs of a hook set, each with the instructions that the verifier walked, where the
    /// kernel tells that.
    #[must_use]
    pub fn programs_of(&self, hooks: &str) -> Vec<(String, Option<u64>)> {
        let mut programs = Vec::new();
        let sets = self
            .doctor
            .as_ref()
            .and_then(|doctor| doctor["hook_sets"].as_array());
        let of_set = sets
            .into_iter()
            .flatten()
            .filter(|set| set["name"] == hooks);
        for program in of_set
            .filter_map(|set| set["programs"].as_array())
            .flatten()
        {
            let count = program["verified_insns"]
                .as_u64()
                .filter(|&count| count > 0);
            if let Some(name) = program["name"].as_str() {
                programs.push((name.to_owned(), count));
            }
        }
        programs
    }

    /// The instructions that the verifier walked for a program of a hook set.
    #[must_use]
    pub fn instructions(&self, hooks: &str, program: &str) -> Option<u64> {
        let mut programs = self.programs_of(hooks).into_iter();
        programs.find(|(name, _)| name == program)?.1
    }

    fn add(&mut self, line: &str) {
        let report = line.strip_prefix(MARK).map(serde_json::from_str);
        match report {
            Some(Ok(report)) => self.note(report),
            // A line that was cut off when the guest was ended.
            Some(Err(_)) => {}
            None => {
                if let Some(program) = self.programs.last_mut() {
                    program.tally.add(line);
                    program.output.push(line.to_owned());
                }
            }
        }
    }

    fn note(&mut self, report: Report) {
        match report {
            Report::Booted { release, uptime } => {
                self.release = Some(release);
                self.booted = Some(uptime);
            }
            Report::Doctor(doctor) => self.doctor = Some(doctor),
            Report::Complaint(complaint) | Report::Failed(complaint) => {
                self.complaints.push(complaint);
            }
            Report::Started(name) => self.programs.push(Program {
                name,
                ..Program::default()
            }),
            Report::Ended { code, .. } => {
                if let Some(program) = self.programs.last_mut() {
                    program.succeeded = code == Some(0);
                    program.end = Some(match code {
                        Some(code) => format!("exit code {code}"),
                        None => "ended by a signal".to_owned(),
                    });
                }
            }
            Report::Done { tainted } => self.done = Some(tainted),
        }
    }
}
