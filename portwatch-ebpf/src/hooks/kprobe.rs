//! Arguments of a probed function.

use core::ffi::c_void;

use crate::{kernel::probe, settings::offset};

/// The first and the second argument, from the saved registers. Their places come with the offsets
/// and not from the compiler, so that one object serves every architecture; the helper, because
/// only an access at a place known at compile time may be direct (before 6.19).
#[inline(always)]
pub fn arguments(regs: *const c_void) -> Option<(u64, u64)> {
    let register = |offset: u32| probe::<u64>(regs as u64 + u64::from(offset));
    Some((
        register(offset!(pt_regs_argument0))?,
        register(offset!(pt_regs_argument1))?,
    ))
}
