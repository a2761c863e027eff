//! Tracepoints: the whole of the `tracepoint` hook set, and part of the others.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::hooks;

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
    hooks::timer::armed(ctx.arg(0));
    0
}

/// `timer:timer_cancel(struct timer_list *timer)`.
#[btf_tracepoint(function = "timer_cancel")]
pub fn timer_cancel(ctx: BtfTracePointContext) -> i32 {
    hooks::timer::cancelled(ctx.arg(0));
    0
}

/// `raw_syscalls:sys_exit(struct pt_regs *regs, long ret)`.
#[btf_tracepoint(function = "sys_exit")]
pub fn sys_exit(ctx: BtfTracePointContext) -> i32 {
    hooks::errno::sys_exit(ctx.arg(0), ctx.arg(1));
    0
}
