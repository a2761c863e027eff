//! Which hook set runs: the best one that proves itself.

use super::{HookSet, Options, TracerError, machine::Machine, plan::Plan, trial::prove};
use crate::kernel::host::{Capabilities, Capability};

/// A hook set that was tried on this machine.
#[derive(Debug)]
pub struct Candidate {
    /// Which one.
    pub hooks: HookSet,
    /// What it can't see, a phrase each; or why it can't run.
    pub outcome: Result<Vec<String>, TracerError>,
    /// Instructions that the verifier walked, by program; none where the kernel doesn't tell.
    pub programs: Vec<(&'static str, Option<u64>)>,
}

/// Tries every hook set, best first: loaded, attached, and worked on real connections.
///
/// # Errors
/// When the kernel's type information does not fit, which concerns them all.
pub fn candidates(options: &Options) -> Result<Vec<Candidate>, TracerError> {
    let machine = Machine::read()?;
    let tried = HookSet::ALL.map(|hooks| match tried(hooks, options, &machine) {
        Ok(proved) => Candidate {
            hooks,
            outcome: Ok(proved.plan.blind_spots),
            programs: proved.verified,
        },
        Err(error) => Candidate {
            hooks,
            outcome: Err(error),
            programs: Vec::new(),
        },
    });
    Ok(tried.into())
}

/// A plan that was tried.
pub(super) struct Proved {
    pub plan: Plan,
    /// See [`Candidate::programs`].
    pub verified: Vec<(&'static str, Option<u64>)>,
}

/// The plan to run: of the hook set that the options name, else of the best one that works.
///
/// # Errors
/// When none works; says why for each.
pub(super) fn choose(options: &Options, machine: &Machine) -> Result<Plan, TracerError> {
    if let Some(hooks) = options.hooks {
        return tried(hooks, options, machine).map(|proved| proved.plan);
    }
    let mut refusals = Vec::new();
    for hooks in HookSet::ALL {
        match tried(hooks, options, machine) {
            Ok(proved) => return Ok(proved.plan),
            Err(error) => {
                log::info!("hook set {hooks}: {error}");
                refusals.push((hooks, error));
            }
        }
    }
    Err(none_works(refusals))
}

fn tried(hooks: HookSet, options: &Options, machine: &Machine) -> Result<Proved, TracerError> {
    let plan = Plan::new(hooks, options, machine)?;
    match prove(&plan, options, machine) {
        Ok(verified) => Ok(Proved { plan, verified }),
        Err(TracerError::Privileges { what }) if hooks != HookSet::Tracepoint && privileged() => {
            // A program type may be switched off for everybody.
            Err(TracerError::Refused {
                what,
                reason: "operation not permitted, although the process has the capabilities for it: this kernel, its lockdown mode or a security policy does not allow programs of this kind".into(),
            })
        }
        Err(error) => Err(error),
    }
}

/// Whether this process has what tracing takes.
fn privileged() -> bool {
    let own = Capabilities::effective();
    own.has(Capability::SysAdmin) || own.has(Capability::Bpf) && own.has(Capability::Perfmon)
}

/// Missing privileges are the answer where nothing else is known; else every reason is.
fn none_works(refusals: Vec<(HookSet, TracerError)>) -> TracerError {
    let all: Vec<String> = refusals
        .iter()
        .map(|(hooks, error)| format!("{hooks}: {error}"))
        .collect();
    match refusals.into_iter().next_back() {
        Some((_, TracerError::Privileges { what })) => TracerError::Privileges { what },
        _ => TracerError::Refused {
            what: "no hook set works here".into(),
            reason: all.join("; "),
        },
    }
}
