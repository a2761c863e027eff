use crate::{
    model::HookSetReport,
    tracer::{HookSet, Options, trial},
};

/// Every hook set, best first; the existing one is proved on real connections.
pub(super) fn report(denied: bool) -> Vec<HookSetReport> {
    let missing = |name| HookSetReport {
        name,
        usable: false,
        reason: Some("not part of this version".to_owned()),
        blind_spots: Vec::new(),
    };
    vec![missing("fentry"), missing("kprobe"), tracepoint(denied)]
}

fn tracepoint(denied: bool) -> HookSetReport {
    let tried = if denied {
        Err("not tried without the privileges".to_owned())
    } else {
        trial(HookSet::Tracepoint, &Options::default()).map_err(|error| error.to_string())
    };
    let usable = tried.is_ok();
    let (reason, blind_spots) = match tried {
        Ok(blind_spots) => (None, blind_spots),
        Err(reason) => (Some(reason), Vec::new()),
    };
    HookSetReport {
        name: HookSet::Tracepoint.name(),
        usable,
        reason,
        blind_spots,
    }
}
