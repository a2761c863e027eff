use crate::{
    model::HookSetReport,
    tracer::{Candidate, HookSet, Options, candidates},
};

/// Every hook set, best first, each proved on real connections.
pub(super) fn report(denied: bool) -> Vec<HookSetReport> {
    if denied {
        return unusable("not tried without the privileges");
    }
    match candidates(&Options::default()) {
        Ok(candidates) => candidates.into_iter().map(of).collect(),
        Err(error) => unusable(&error.to_string()),
    }
}

fn of(candidate: Candidate) -> HookSetReport {
    let usable = candidate.outcome.is_ok();
    let (reason, blind_spots) = match candidate.outcome {
        Ok(blind_spots) => (None, blind_spots),
        Err(error) => (Some(error.to_string()), Vec::new()),
    };
    HookSetReport {
        name: candidate.hooks.name(),
        usable,
        reason,
        blind_spots,
        programs: candidate.programs,
    }
}

fn unusable(reason: &str) -> Vec<HookSetReport> {
    let report = |hooks: HookSet| HookSetReport {
        name: hooks.name(),
        usable: false,
        reason: Some(reason.to_owned()),
        blind_spots: Vec::new(),
        programs: Vec::new(),
    };
    HookSet::ALL.map(report).into()
}
