//! Atomic addition to map memory. The target has no atomics in `core`; these are the two forms of
//! `lock *(size *)(ptr) += value` that every kernel with BPF has.

/// Adds to a counter that other CPUs add to, too.
#[inline(always)]
pub fn add_i32(counter: *mut i32, value: i32) {
    #[cfg(target_arch = "bpf")]
    // SAFETY: the caller's pointer points into a map value; the verifier checks its bounds.
    unsafe {
        core::arch::asm!("lock *(u32 *)({p} + 0) += {v}", p = in(reg) counter, v = in(reg) i64::from(value));
    }
    #[cfg(not(target_arch = "bpf"))]
    let _ = (counter, value);
}

/// Adds one to a counter that other CPUs add to, too.
#[inline(always)]
pub fn increment_u64(counter: *mut u64) {
    add_u64(counter, 1);
}

/// Takes one from a counter that other CPUs add to, too.
#[inline(always)]
pub fn decrement_u64(counter: *mut u64) {
    add_u64(counter, u64::MAX);
}

#[inline(always)]
fn add_u64(counter: *mut u64, value: u64) {
    #[cfg(target_arch = "bpf")]
    // SAFETY: the caller's pointer points into a map value; the verifier checks its bounds.
    unsafe {
        core::arch::asm!("lock *(u64 *)({p} + 0) += {v}", p = in(reg) counter, v = in(reg) value);
    }
    #[cfg(not(target_arch = "bpf"))]
    let _ = (counter, value);
}
