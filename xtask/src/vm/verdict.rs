//! What a guest's outcome says about a kernel and a hook set.

use std::{fmt, fs, path::Path};

use super::{
    outcome::{Outcome, Program},
    qemu::{CONSOLE, End, QEMU_LOG},
};

/// Bits of `kernel.tainted`: an oops or BUG, a warning, a soft lockup.
const TROUBLE: u64 = 1 << 7 | 1 << 9 | 1 << 14;
/// Lines shown of a log.
const TAIL: usize = 60;
/// Lines shown of a failed test program.
const SHOWN: usize = 400;

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All tests passed: so many.
    Passed(u64),
    /// Something failed.
    Failed(String),
    /// The kernel does not offer the hook set, for this reason, and need not.
    Unusable(String),
}

impl Verdict {
    /// Judges a guest's outcome; `expected` says that its kernel has to offer the hook set.
    #[must_use]
    pub fn of(outcome: &Outcome, end: End, hooks: &str, expected: bool) -> Self {
        let Some(doctor) = &outcome.doctor else {
            return Self::Failed(match (end, &outcome.release) {
                (End::Off, None) => "the guest did not boot".to_owned(),
                (End::Off, Some(_)) => "the guest ended before its tests".to_owned(),
                (End::Deadline, None) => "the guest did not boot in time".to_owned(),
                (End::Deadline, Some(_)) => "portwatch doctor did not end in time".to_owned(),
            });
        };
        match guest_init::usable(doctor, hooks) {
            Err(reason) if expected => return Self::Failed(format!("not usable: {reason}")),
            Err(reason) => return Self::Unusable(reason),
            Ok(()) => {}
        }
        if let Some(program) = outcome.programs.iter().find(|program| !program.succeeded) {
            return Self::Failed(program.failure(end));
        }
        let Some(tainted) = outcome.done else {
            return Self::Failed(match end {
                End::Off => "the guest ended before its tests did".to_owned(),
                End::Deadline => "the guest ran into its deadline".to_owned(),
            });
        };
        if tainted & TROUBLE != 0 {
            return Self::Failed(format!("the kernel complained (tainted: {tainted})"));
        }
        match outcome
            .programs
            .iter()
            .map(|program| program.tally.passed)
            .sum()
        {
            0 => Self::Failed("no test ran".to_owned()),
            passed => Self::Passed(passed),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Passed(tests) => write!(out, "ok, {tests} passed"),
            Self::Failed(reason) => write!(out, "FAILED, {reason}"),
            Self::Unusable(reason) => write!(out, "not usable, {reason}"),
        }
    }
}

impl Program {
    fn failure(&self, end: End) -> String {
        let name = &self.name;
        match (&self.end, end) {
            (Some(_), _) if self.tally.failed > 0 => {
                format!("{name}: {} of its tests failed", self.tally.failed)
            }
            (Some(end), _) => format!("{name}: {end}"),
            (None, End::Deadline) => format!("{name}: still ran at the deadline"),
            (None, End::Off) => format!("{name}: the guest ended during its tests"),
        }
    }
}

/// Prints what helps to understand a failure: what the tests wrote, unless it was seen already, and
/// the kernel's last words.
pub fn explain(outcome: &Outcome, directory: &Path, with_output: bool) {
    for complaint in &outcome.complaints {
        println!("    {complaint}");
    }
    let failed = outcome.programs.iter().filter(|program| !program.succeeded);
    for program in failed.filter(|_| with_output) {
        println!("  -- {}", program.name);
        let telling = |line: &&String| !line.ends_with(" ... ok") && !line.is_empty();
        let lines: Vec<&String> = program.output.iter().filter(telling).collect();
        for line in last(&lines, SHOWN) {
            println!("    {line}");
        }
    }
    for log in [CONSOLE, QEMU_LOG] {
        let path = directory.join(log);
        let text = fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        if !lines.is_empty() {
            println!("  -- {}", path.display());
        }
        for line in last(&lines, TAIL) {
            println!("    {}", line.trim_end());
        }
    }
}

fn last<T>(lines: &[T], count: usize) -> &[T] {
    &lines[lines.len().saturating_sub(count)..]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Outcome, Program, Verdict};
    use crate::{support::tally::Tally, vm::qemu::End};

    fn outcome(usable: bool, passed: u64, failed: u64) -> Outcome {
        let set = json!({ "name": "kprobe", "usable": usable, "reason": "no PMU" });
        Outcome {
            doctor: Some(json!({ "hook_sets": [set] })),
            programs: vec![Program {
                name: "live".to_owned(),
                tally: Tally { passed, failed },
                succeeded: failed == 0,
                end: Some("exit code 101".to_owned()),
                ..Program::default()
            }],
            done: Some(0),
            ..Outcome::default()
        }
    }

    fn judge(outcome: &Outcome, end: End) -> Verdict {
        Verdict::of(outcome, end, "kprobe", false)
    }

    fn failed(outcome: &Outcome, end: End) -> bool {
        matches!(judge(outcome, end), Verdict::Failed(_))
    }

    #[test]
    fn only_a_whole_run_passes() {
        assert_eq!(judge(&outcome(true, 3, 0), End::Off), Verdict::Passed(3));
        assert!(failed(&outcome(true, 3, 1), End::Off));
        assert!(failed(&outcome(true, 0, 0), End::Off));
        let cut = Outcome {
            done: None,
            ..outcome(true, 3, 0)
        };
        assert!(failed(&cut, End::Off));
        assert!(failed(&cut, End::Deadline));
        let warned = Outcome {
            done: Some(1 << 9),
            ..outcome(true, 3, 0)
        };
        assert!(failed(&warned, End::Off));
        assert!(failed(&Outcome::default(), End::Off));
    }

    #[test]
    fn a_missing_hook_set_fails_only_where_it_is_expected() {
        let missing = outcome(false, 0, 0);
        let reason = Verdict::Unusable("no PMU".to_owned());
        assert_eq!(judge(&missing, End::Off), reason);
        let expected = Verdict::of(&missing, End::Off, "kprobe", true);
        assert_eq!(expected, Verdict::Failed("not usable: no PMU".to_owned()));
    }
}
