/// What this machine allows, and what portwatch will do with it.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    /// Facts about the machine, each with a judgement.
    pub checks: Vec<Check>,
    /// Every hook set, best first.
    pub hooks: Vec<HookSetReport>,
}

/// One fact about the machine.
#[derive(Clone, Debug)]
pub struct Check {
    /// What was looked at, a word or two.
    pub name: &'static str,
    /// What it means for `watch`.
    pub status: Status,
    /// What was found, a phrase.
    pub finding: String,
    /// What to do about it; none when there is nothing to do.
    pub advice: Option<String>,
}

/// What a fact means for `watch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, with a limit.
    Warn,
    /// It does not work.
    Fail,
    /// It does not work because this process may not do it.
    Denied,
}

/// Whether one hook set works here.
#[derive(Clone, Debug)]
pub struct HookSetReport {
    /// Its name.
    pub name: &'static str,
    /// True when its programs loaded and attached.
    pub usable: bool,
    /// Why it is not usable, if it isn't.
    pub reason: Option<String>,
    /// What it can't see, a phrase each.
    pub blind_spots: Vec<String>,
    /// Its programs, and the instructions that the verifier walked in each; none where the kernel
    /// doesn't tell (before 5.16).
    pub programs: Vec<(&'static str, Option<u64>)>,
}

/// Whether `watch` will work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It will.
    Ready,
    /// Not as this user.
    Denied,
    /// Not on this kernel.
    Unsupported,
}

impl Diagnosis {
    /// Whether `watch` will work: no check failed, and a hook set is usable. Where privileges are
    /// missing they are the answer, for without them the rest can't be tried.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        match self.checks.iter().map(|check| check.status).max() {
            Some(Status::Denied) => Readiness::Denied,
            Some(Status::Fail) => Readiness::Unsupported,
            _ if self.chosen().is_some() => Readiness::Ready,
            _ => Readiness::Unsupported,
        }
    }

    /// The hook set that `watch` will use: the first usable one.
    #[must_use]
    pub fn chosen(&self) -> Option<&HookSetReport> {
        self.hooks.iter().find(|hooks| hooks.usable)
    }
}

impl Check {
    /// A fact as it should be.
    #[must_use]
    pub fn ok(name: &'static str, finding: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Ok,
            finding: finding.into(),
            advice: None,
        }
    }

    /// A fact that is not as it should be, and what to do about it.
    #[must_use]
    pub fn not_ok(
        name: &'static str,
        status: Status,
        finding: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            name,
            status,
            finding: finding.into(),
            advice: Some(advice.into()),
        }
    }
}

impl Status {
    /// `ok`, `warn` or `fail`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail | Self::Denied => "fail",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Check, Diagnosis, HookSetReport, Readiness, Status};

    fn diagnosis(statuses: &[Status], usable: bool) -> Diagnosis {
        Diagnosis {
            checks: statuses
                .iter()
                .map(|&status| Check::not_ok("a check", status, "found", "do this"))
                .collect(),
            hooks: vec![HookSetReport {
                name: "tracepoint",
                usable,
                reason: None,
                blind_spots: Vec::new(),
                programs: Vec::new(),
            }],
        }
    }

    #[test]
    fn watch_works_when_nothing_failed_and_hooks_load() {
        use Status::{Denied, Fail, Ok, Warn};
        for (statuses, usable, expected) in [
            (&[Ok, Warn][..], true, Readiness::Ready),
            (&[], true, Readiness::Ready),
            (&[Ok], false, Readiness::Unsupported),
            (&[Ok, Fail], true, Readiness::Unsupported),
            (&[Fail, Denied], false, Readiness::Denied),
        ] {
            assert_eq!(diagnosis(statuses, usable).readiness(), expected);
        }
    }
}
