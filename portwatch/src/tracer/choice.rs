//! Which hook set runs: the best one that proves itself.

use super::{
    HookSet, Options, TracerError,
    assembly::Assembly,
    attachment::descriptor,
    machine::Machine,
    plan::{ON_DEMAND, Plan, WALK},
    programs::counters,
};
use crate::kernel::host::{Capabilities, Capability, Host};

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
    let options = Options {
        max_sockets: 4096,
        max_tuples: 1024,
        ..options.clone()
    };
    let tried = HookSet::ALL.map(|hooks| match assemble(hooks, &options, &machine) {
        Ok(mut assembly) => Candidate {
            hooks,
            programs: verified(&mut assembly),
            outcome: Ok(assembly.plan.blind_spots),
        },
        Err(error) => Candidate {
            hooks,
            outcome: Err(error),
            programs: Vec::new(),
        },
    });
    Ok(tried.into())
}

/// Of the attached programs, and of those that every hook set needs beside them.
fn verified(assembly: &mut Assembly) -> Vec<(&'static str, Option<u64>)> {
    let attached = assembly.plan.attachments.iter().map(|it| it.program);
    let names: Vec<&str> = attached.chain([WALK]).chain(ON_DEMAND).collect();
    let object = &mut assembly.work.object;
    let mut instructions = |name| {
        let fd = descriptor(object, name).ok()?;
        Some(counters(fd).verified_insns).filter(|count| *count != 0)
    };
    names
        .into_iter()
        .map(|name| (name, instructions(name)))
        .collect()
}

/// The kernel side at work: of the hook set that the options name, else of the best one that works.
///
/// # Errors
/// When none works; says why for each.
pub(super) fn choose(options: &Options, machine: &Machine) -> Result<Assembly, TracerError> {
    if let Some(hooks) = options.hooks {
        return assemble(hooks, options, machine);
    }
    let mut refusals = Vec::new();
    for hooks in HookSet::ALL {
        match assemble(hooks, options, machine) {
            Ok(assembly) => return Ok(assembly),
            Err(error) => {
                log::info!("hook set {hooks}: {error}");
                refusals.push((hooks, error));
            }
        }
    }
    Err(none_works(refusals))
}

fn assemble(hooks: HookSet, options: &Options, machine: &Machine) -> Result<Assembly, TracerError> {
    let plan = Plan::new(hooks, options, machine)?;
    Assembly::new(plan, options, machine).map_err(|error| match error {
        TracerError::Privileges { what }
            if let Some(limit) = Host::read().locked_memory().filter(|_| privileged()) =>
        {
            TracerError::Refused {
                what,
                reason: format!(
                    "operation not permitted: maps count as locked memory on this kernel, and the limit \
                     is {} KiB; `ulimit -l unlimited`, or LimitMEMLOCK=infinity in a unit, lifts it",
                    limit / 1024
                ),
            }
        }
        // A program type may be switched off for everybody.
        TracerError::Privileges { what } if hooks != HookSet::Tracepoint && privileged() => {
            TracerError::Refused {
                what,
                reason: "operation not permitted, although the process has the capabilities for it: this kernel, its lockdown mode or a security policy does not allow programs of this kind".into(),
            }
        }
        error => error,
    })
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
