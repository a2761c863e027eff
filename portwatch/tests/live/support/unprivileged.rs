//! The program as the systemd unit starts it: another user, and ambient capabilities.

use std::{io, os::unix::process::CommandExt, process::Command};

use portwatch::kernel::host::Capability;
use rustix::{
    process::{Gid, Resource, Rlimit, Uid, setrlimit},
    thread::{
        CapabilitySet, CapabilitySets, configure_capability_in_ambient_set,
        remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities,
        set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};

use super::status::mask;

const UNIT: &str = include_str!("../../../../dist/systemd/portwatch.service");
/// `nobody`.
pub const USER: u32 = 65_534;

/// The capabilities that the unit gives.
pub fn of_unit() -> Vec<Capability> {
    let line = UNIT
        .lines()
        .find_map(|line| line.strip_prefix("AmbientCapabilities="));
    let names = line.expect("capabilities").split_ascii_whitespace();
    names
        .map(|name| {
            let mut all = Capability::ALL.into_iter();
            let found = all.find(|capability| capability.name() == name);
            found.unwrap_or_else(|| panic!("{name}: portwatch has no use for it"))
        })
        .collect()
}

/// Runs a command as another user with these capabilities and no way to others.
pub fn with_ambient<'a>(command: &'a mut Command, capabilities: &[Capability]) -> &'a mut Command {
    let wanted = mask(capabilities);
    // SAFETY: between fork and exec the closure makes system calls only.
    unsafe { command.pre_exec(move || become_user(wanted)) }
}

fn become_user(wanted: u64) -> io::Result<()> {
    // As the unit has it. Only kernels before 5.11 need it, where nothing else comes to it.
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    let _ = setrlimit(Resource::Memlock, unlimited);
    let (user, group) = (Uid::from_raw(USER), Gid::from_raw(USER));
    let one = |number: u32| CapabilitySet::from_bits_retain(1 << number);
    let all = CapabilitySet::from_bits_retain(wanted);
    for number in 0..u64::BITS {
        if wanted >> number & 1 == 0 {
            match remove_capability_from_bounding_set(one(number)) {
                // No such capability: that was the last one.
                Err(rustix::io::Errno::INVAL) => break,
                removed => removed?,
            }
        }
    }
    set_keep_capabilities(true)?;
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)?;
    let sets = CapabilitySets {
        effective: all,
        permitted: all,
        inheritable: all,
    };
    set_capabilities(None, sets)?;
    for number in 0..u64::BITS {
        if wanted >> number & 1 != 0 {
            configure_capability_in_ambient_set(one(number), true)?;
        }
    }
    Ok(set_no_new_privs(true)?)
}
