//! Whether a hook set works here: loaded, attached, and tried on real connections.

mod script;

use std::{io, os::fd::OwnedFd, sync::Arc};

use aya::sys::{Stats, enable_stats};

use super::{
    Options, TracerError,
    machine::Machine,
    object::{Object, Purpose},
    plan::Plan,
    programs::counters,
    slots::Slots,
    start::shared,
};

/// Loads and attaches a plan's programs, makes them count some connections in a namespace of
/// their own, and demands that each program ran. Nothing stays. Returns the instructions that the
/// verifier walked, by program.
///
/// Where the process may load programs and not make a namespace, loading and attaching has to do.
///
/// # Errors
/// When the kernel refuses a program, or one does not do its work.
pub(super) fn prove(
    plan: &Plan,
    options: &Options,
    machine: &Machine,
) -> Result<Vec<(&'static str, Option<u64>)>, TracerError> {
    let options = Options {
        max_sockets: 4096,
        max_tuples: 1024,
        ring_bytes: 4096,
        bpf_log: 0,
        ..options.clone()
    };
    let mut object = Object::new(&Purpose::Trace(plan), &options, machine)?;
    plan.load(&mut object, machine)?;
    let _slots = Slots::new(&mut object, options.max_tuples, options.interval)?;
    let shared = Arc::new(shared(&mut object, &options)?);
    let programs = descriptors(plan, &mut object)?;
    // Only while somebody asks does the kernel count runs.
    let counting = enable_stats(Stats::RunTime).ok();
    plan.attach(&mut object)?;
    let tried = std::thread::scope(|scope| scope.spawn(|| script::run(plan, &shared)).join());
    match tried {
        Ok(Ok(ipv6)) if counting.is_some() => all_ran(&programs, ipv6)?,
        Ok(Ok(_)) => {}
        Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
            log::info!("hook set {}: loaded, not tried: {error}", plan.hooks);
        }
        Ok(Err(error)) => return Err(failed(&error.to_string())),
        Err(_) => return Err(failed("its thread panicked")),
    }
    Ok(verified(&programs))
}

fn descriptors(
    plan: &Plan,
    object: &mut Object,
) -> Result<Vec<(&'static str, OwnedFd)>, TracerError> {
    plan.attachments
        .iter()
        .map(|attachment| Ok((attachment.program, attachment.fd(object)?)))
        .collect()
}

/// A function can be there and yet never be called, because the compiler has copied it into its
/// callers.
fn all_ran(programs: &[(&'static str, OwnedFd)], ipv6: bool) -> Result<(), TracerError> {
    let silent: Vec<&str> = programs
        .iter()
        .filter(|(name, _)| ipv6 || !name.contains("inet6"))
        .filter(|(_, fd)| counters(fd).runs == 0)
        .map(|(name, _)| *name)
        .collect();
    if silent.is_empty() {
        return Ok(());
    }
    Err(failed(&format!("never called: {}", silent.join(", "))))
}

fn verified(programs: &[(&'static str, OwnedFd)]) -> Vec<(&'static str, Option<u64>)> {
    let instructions = |fd| Some(counters(fd).verified_insns).filter(|count| *count != 0);
    programs
        .iter()
        .map(|(name, fd)| (*name, instructions(fd)))
        .collect()
}

fn failed(reason: &str) -> TracerError {
    TracerError::Refused {
        what: "trying the hooks".into(),
        reason: reason.to_owned(),
    }
}
