//! Whether a hook set works here: tried on real connections.

mod script;

use std::io;

use aya::maps::{MapData, RingBuf};

use super::{
    TracerError,
    assembly::Descriptors,
    keeper::{Shared, Work},
    plan::Plan,
    programs::counters,
};

/// Records that the trial can leave in the ring, many times over.
const RECORDS: usize = 65_536;

/// Has the attached programs count some connections in a namespace of their own, and demands, where
/// the kernel is `counting` runs, that each of them ran.
///
/// Where the process may load programs and not make a namespace, or not set up what it made, as in a
/// container whose sysctls are read-only, loading and attaching has to do.
///
/// # Errors
/// When a program does not do its work.
pub(super) fn run(
    plan: &Plan,
    shared: &Shared,
    programs: &Descriptors,
    counting: bool,
) -> Result<(), TracerError> {
    let tried = std::thread::scope(|scope| scope.spawn(|| script::run(plan, shared)).join());
    match tried {
        Ok(Ok(ipv6)) if counting => all_ran(programs, ipv6),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if is_denied(error.kind()) => {
            log::info!("hook set {}: attached, not tried: {error}", plan.hooks);
            Ok(())
        }
        Ok(Err(error)) => Err(failed(&error.to_string())),
        Err(_) => Err(failed("its thread panicked")),
    }
}

fn is_denied(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(kind, PermissionDenied | ReadOnlyFilesystem)
}

/// Takes the trial out of what is counted and waits to be told; its tuples stay, see
/// [`is_trial`](crate::model::trial::is_trial).
///
/// # Errors
/// When a map can't be written.
pub(super) fn forget(ring: &mut RingBuf<MapData>, work: &mut Work) -> Result<(), TracerError> {
    // Whatever else the ring holds is in the counters, too.
    for _ in 0..RECORDS {
        if ring.next().is_none() {
            break;
        }
    }
    work.shared
        .statistics
        .reset()
        .map_err(|error| TracerError::from_aya("writing the map STATS", &error))
}

/// A function can be there and yet never be called, because the compiler has copied it into its
/// callers.
fn all_ran(programs: &Descriptors, ipv6: bool) -> Result<(), TracerError> {
    let silent: Vec<&str> = programs
        .iter()
        .filter(|(name, _)| ipv6 || !name.contains("inet6"))
        .filter(|(_, fd)| {
            // A run that the kernel skipped was a call, too.
            let counters = counters(fd);
            counters.runs == 0 && counters.recursion_misses == 0
        })
        .map(|(name, _)| *name)
        .collect();
    if silent.is_empty() {
        return Ok(());
    }
    Err(failed(&format!("never called: {}", silent.join(", "))))
}

fn failed(reason: &str) -> TracerError {
    TracerError::Refused {
        what: "trying the hooks".into(),
        reason: reason.to_owned(),
    }
}
