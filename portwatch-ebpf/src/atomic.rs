//! Atomic addition to map memory. The target has no atomics in `core`; these are the two forms of
//! `lock *(size *)(ptr) += value` that every kernel with BPF has.

/// Adds to a counter that other CPUs add to, too.
///
/// # Safety
///
/// `counter` points to an `i32` of a map's value.
#[inline(always)]
pub unsafe fn add_i32(counter: *mut i32, value: i32) {
    #[cfg(target_arch = "bpf")]
    // SAFETY: by contract; the verifier checks the bounds, too.
    unsafe {
        core::arch::asm!("lock *(u32 *)({p} + 0) += {v}", p = in(reg) counter, v = in(reg) i64::from(value));
    }
    #[cfg(not(target_arch = "bpf"))]
    let _ = (counter, value);
}

/// Adds one to a counter that other CPUs add to, too.
///
/// # Safety
///
/// `counter` points to a `u64` of a map's value.
#[inline(always)]
pub unsafe fn increment_u64(counter: *mut u64) {
    // SAFETY: by contract.
    unsafe { add_u64(counter, 1) };
}

/// Takes one from a counter that other CPUs add to, too.
///
/// # Safety
///
/// As for [`increment_u64`].
#[inline(always)]
pub unsafe fn decrement_u64(counter: *mut u64) {
    // SAFETY: by contract.
    unsafe { add_u64(counter, u64::MAX) };
}

/// # Safety
///
/// As for [`increment_u64`].
#[inline(always)]
unsafe fn add_u64(counter: *mut u64, value: u64) {
    #[cfg(target_arch = "bpf")]
    // SAFETY: by contract; the verifier checks the bounds, too.
    unsafe {
        core::arch::asm!("lock *(u64 *)({p} + 0) += {v}", p = in(reg) counter, v = in(reg) value);
    }
    #[cfg(not(target_arch = "bpf"))]
    let _ = (counter, value);
}
