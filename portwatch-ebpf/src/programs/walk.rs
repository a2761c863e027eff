//! Walks over the kernel's own list of sockets.

use core::ffi::c_void;

use crate::hooks;

/// Context of an `iter/tcp` program (`struct bpf_iter__tcp`).
#[repr(C)]
pub struct IterTcp {
    meta: *const c_void,
    sk_common: *const c_void,
    uid: u64,
}

/// Puts every socket of a namespace into the set, or marks it as seen.
///
/// # Safety
///
/// Called by the kernel's socket iterator with its own context.
#[unsafe(no_mangle)]
#[cfg_attr(target_arch = "bpf", unsafe(link_section = "iter/tcp"))]
pub unsafe extern "C" fn walk_track(ctx: *const IterTcp) -> i32 {
    // SAFETY: the iterator passes a valid context.
    hooks::iter::track(unsafe { (*ctx).sk_common });
    0
}

/// Counts every socket of a namespace by tuple and state.
///
/// # Safety
///
/// Called by the kernel's socket iterator with its own context.
#[unsafe(no_mangle)]
#[cfg_attr(target_arch = "bpf", unsafe(link_section = "iter/tcp"))]
pub unsafe extern "C" fn walk_count(ctx: *const IterTcp) -> i32 {
    // SAFETY: the iterator passes a valid context.
    hooks::iter::count(unsafe { (*ctx).sk_common });
    0
}
