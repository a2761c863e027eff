//! Walks over the kernel's own list of sockets.

use core::ffi::c_void;

use crate::hooks;

/// Context of an `iter/tcp` program (`struct bpf_iter__tcp`).
#[repr(C)]
pub struct IterTcp {
    meta: *const IterMeta,
    sk_common: *const c_void,
    uid: u64,
}

/// What every iterator's context begins with (`struct bpf_iter_meta`).
#[repr(C)]
struct IterMeta {
    seq: *mut c_void,
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
    let (seq, sk) = unsafe { ((*(*ctx).meta).seq, (*ctx).sk_common) };
    hooks::iter::track(seq, sk);
    0
}

/// Counts every socket of a namespace by tuple and state, and writes the port of each.
///
/// # Safety
///
/// Called by the kernel's socket iterator with its own context.
#[unsafe(no_mangle)]
#[cfg_attr(target_arch = "bpf", unsafe(link_section = "iter/tcp"))]
pub unsafe extern "C" fn walk_count(ctx: *const IterTcp) -> i32 {
    // SAFETY: the iterator passes a valid context.
    let (seq, sk) = unsafe { ((*(*ctx).meta).seq, (*ctx).sk_common) };
    hooks::census::count(seq, sk);
    0
}

/// Writes the ports that one tuple holds.
///
/// # Safety
///
/// Called by the kernel's socket iterator with its own context.
#[unsafe(no_mangle)]
#[cfg_attr(target_arch = "bpf", unsafe(link_section = "iter/tcp"))]
pub unsafe extern "C" fn walk_ports(ctx: *const IterTcp) -> i32 {
    // SAFETY: the iterator passes a valid context.
    let (seq, sk) = unsafe { ((*(*ctx).meta).seq, (*ctx).sk_common) };
    hooks::held::write(seq, sk);
    0
}
