//! Capabilities: what each thread keeps of those that it was given.

use rustix::{
    io::{Errno, Result},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities,
    },
};

use crate::kernel::host::Capability;

/// For the whole life of the process. `docs/operating.md` tells what each is for.
pub(super) const LIFE: [Capability; 4] = [
    Capability::Bpf,
    Capability::SysAdmin,
    Capability::SysPtrace,
    Capability::DacReadSearch,
];
/// Those of the thread that serves: it reads maps, `/proc` where that hides processes, and its file.
pub(super) const TALK: [Capability; 3] = [
    Capability::Bpf,
    Capability::SysPtrace,
    Capability::DacReadSearch,
];

/// Drops all other capabilities of the calling thread, for good. Returns those that are left: one that
/// it never had is not given to it.
///
/// # Errors
/// When the kernel refuses, which it has no reason to.
pub(super) fn keep(wanted: &[Capability]) -> Result<Vec<Capability>> {
    empty_bounding_set()?;
    clear_ambient_capability_set()?;
    let held = capabilities(None)?.permitted;
    let mut kept = wanted.to_vec();
    kept.retain(|capability| held.contains(set(*capability)));
    let kept_set: CapabilitySet = kept.iter().copied().map(set).collect();
    set_capabilities(
        None,
        CapabilitySets {
            effective: kept_set,
            permitted: kept_set,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    Ok(kept)
}

/// What an executed program could have. Without CAP_SETPCAP it stays as the service manager made it:
/// nothing is ever executed.
fn empty_bounding_set() -> Result<()> {
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // No such capability: that was the last one.
            Err(Errno::INVAL | Errno::PERM) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn set(capability: Capability) -> CapabilitySet {
    CapabilitySet::from_bits_retain(1 << capability as u8)
}
