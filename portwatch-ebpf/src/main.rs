//! portwatch's kernel side: the programs, each one line of section, arguments and call.
//!
//! Hooks read their arguments and call [`accounting`], the only code that changes counters.

#![cfg_attr(target_arch = "bpf", no_std, no_main)]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]
#![allow(
    clippy::needless_borrows_for_generic_args,
    reason = "a key passed by value is copied to the small stack once more"
)]
#![allow(
    missing_docs,
    reason = "the program attributes drop the documentation of what they wrap"
)]
#![cfg_attr(
    not(target_arch = "bpf"),
    allow(
        dead_code,
        unused,
        reason = "on other targets this crate is only type-checked"
    )
)]

mod accounting;
mod atomic;
mod current;
mod emit;
mod hooks;
mod kernel;
mod maps;
mod settings;
mod slots;

use core::ffi::c_void;

use aya_ebpf::{
    macros::{btf_tracepoint, raw_tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext},
};

/// `sock:inet_sock_set_state(const struct sock *sk, int old, int new)`.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn inet_sock_set_state(ctx: BtfTracePointContext) -> i32 {
    hooks::tracepoint::set_state(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    0
}

/// The same again, for what the first one missed: the kernel skips a program that is already
/// active on the CPU, as when an interrupt changes a socket's state on top of it.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn inet_sock_set_state_again(ctx: BtfTracePointContext) -> i32 {
    hooks::tracepoint::set_state_again(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    0
}

/// `timer:timer_start(struct timer_list *timer, ...)`.
#[btf_tracepoint(function = "timer_start")]
pub fn timer_start(ctx: BtfTracePointContext) -> i32 {
    hooks::tracepoint::timer_start(ctx.arg(0));
    0
}

/// `timer:timer_cancel(struct timer_list *timer)`.
#[btf_tracepoint(function = "timer_cancel")]
pub fn timer_cancel(ctx: BtfTracePointContext) -> i32 {
    hooks::tracepoint::timer_cancel(ctx.arg(0));
    0
}

/// `raw_syscalls:sys_exit(struct pt_regs *regs, long ret)`.
#[btf_tracepoint(function = "sys_exit")]
pub fn sys_exit(ctx: BtfTracePointContext) -> i32 {
    hooks::tracepoint::sys_exit(ctx.arg(0), ctx.arg(1));
    0
}

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

/// Run on demand. Arguments: cursor, start; both 0 for the first page.
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn netns_list(ctx: RawTracePointContext) -> i32 {
    hooks::on_demand::netns_list(ctx.arg(0), ctx.arg(1));
    0
}

/// Run on demand. Argument: the address of a `struct net`.
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn netns_reserved(ctx: RawTracePointContext) -> i32 {
    hooks::on_demand::netns_reserved(ctx.arg(0));
    0
}

/// Run on demand. Arguments: a socket's address, the generation that it was last seen in.
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn sweep_drop(ctx: RawTracePointContext) -> i32 {
    hooks::on_demand::sweep_drop(ctx.arg(0), ctx.arg::<u64>(1) as u32);
    0
}

/// The tracing helpers are offered to programs under a licence compatible with the GPL only.
#[unsafe(no_mangle)]
#[cfg_attr(target_arch = "bpf", unsafe(link_section = "license"))]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[cfg(not(target_arch = "bpf"))]
fn main() {}
