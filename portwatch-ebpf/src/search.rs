//! How long port searches take.

use portwatch_common::{Class, EVENT_BURST, RecordKind, SlowSearches, Tracked};

use crate::{
    emit,
    kernel::now,
    maps::{STATS, TUPLES},
    settings::config,
};

/// A search has ended: counts its duration, and tells when they have become slow.
///
/// # Safety
///
/// `tracked` points to the socket's value in the set, and the socket is locked.
#[inline(always)]
pub unsafe fn measured(tracked: *const Tracked) {
    // SAFETY: by contract.
    let Tracked {
        tuple,
        search_began,
        class,
        ..
    } = unsafe { *tracked };
    // A bound port is looked at alone.
    if search_began != 0 && class == Class::Autobound as u8 {
        // The low halves: no search takes the four seconds after which they come round.
        count_search(tuple, (now() as u32).wrapping_sub(search_began));
    }
}

/// Counts one search of the tuple in this slot. To the verifier as `emit_tuple`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn count_search(slot: u32, took: u32) -> i32 {
    if let Some(stats) = STATS.get_ptr_mut(0) {
        let bucket = bounded(31 - (took | 1).leading_zeros());
        // SAFETY: this CPU's own element, and an index inside the array.
        unsafe { *(&raw mut (*stats).searches).cast::<u64>().add(bucket) += 1 };
    }
    let Some(entry) = TUPLES.get_ptr_mut(slot) else {
        return 0;
    };
    // SAFETY: an element of `TUPLES`. Two CPUs that write at once lose one of two searches, which
    // neither a maximum nor a score of several searches depends on.
    unsafe {
        if took > (*entry).search_max_ns {
            (*entry).search_max_ns = took;
        }
        let limit = config!(slow_search_ns: u32);
        if limit == 0 {
            return 0;
        }
        let before = SlowSearches::from_bits((*entry).slow);
        let (after, tell) = before.after(took > limit);
        if after != before {
            (*entry).slow = after.to_bits();
        }
        if tell && emit::admit_tuple(entry, EVENT_BURST) {
            return emit::emit_tuple(RecordKind::SlowSearch as u32, slot, 0, 0, took);
        }
    }
    0
}

/// An index into the histogram. The compiler knows that it is below 32 and would leave the mask
/// out; the verifier does not.
#[inline(always)]
fn bounded(bucket: u32) -> usize {
    let mut index = u64::from(bucket);
    #[cfg(target_arch = "bpf")]
    // SAFETY: a change of one register.
    unsafe {
        core::arch::asm!("{index} &= 31", index = inout(reg) index);
    }
    #[cfg(not(target_arch = "bpf"))]
    {
        index &= 31;
    }
    index as usize
}
