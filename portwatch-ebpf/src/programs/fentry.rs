//! The `fentry` hook set: functions entered and left, by BPF trampolines.
//!
//! The return value stands behind the arguments (`bpf_get_func_ret` is newer than the oldest kernel
//! served); the loader checks how many arguments a function has.

use core::ffi::c_void;

use aya_ebpf::{
    macros::{fentry, fexit},
    programs::{FEntryContext, FExitContext},
};

use crate::{
    hooks::{bind, errno, function},
    socket::Typed,
};

/// `int inet_hash_connect(struct inet_timewait_death_row *, struct sock *sk)`.
#[fentry(function = "inet_hash_connect")]
pub fn fentry_inet_hash_connect(ctx: FEntryContext) -> i32 {
    function::hash_connect(Typed::new(ctx.arg(1)));
    0
}

/// Its return.
#[fexit(function = "inet_hash_connect")]
pub fn fexit_inet_hash_connect(ctx: FExitContext) -> i32 {
    function::hash_connect_returned(Typed::new(ctx.arg(1)), ctx.arg(2));
    0
}

/// `int inet6_hash_connect(struct inet_timewait_death_row *, struct sock *sk)`.
#[fentry(function = "inet6_hash_connect")]
pub fn fentry_inet6_hash_connect(ctx: FEntryContext) -> i32 {
    function::hash_connect(Typed::new(ctx.arg(1)));
    0
}

/// Its return.
#[fexit(function = "inet6_hash_connect")]
pub fn fexit_inet6_hash_connect(ctx: FExitContext) -> i32 {
    function::hash_connect_returned(Typed::new(ctx.arg(1)), ctx.arg(2));
    0
}

/// `bool tcp_fastopen_defer_connect(struct sock *sk, int *err)`.
#[fentry(function = "tcp_fastopen_defer_connect")]
pub fn fentry_tcp_fastopen_defer_connect(ctx: FEntryContext) -> i32 {
    function::defer_connect(Typed::new(ctx.arg(0)));
    0
}

/// `void inet_unhash(struct sock *sk)`.
#[fentry(function = "inet_unhash")]
pub fn fentry_inet_unhash(ctx: FEntryContext) -> i32 {
    function::unhash(Typed::new(ctx.arg(0)));
    0
}

/// The same again, for what the first one missed: the kernel skips a program that is already
/// active on the CPU.
#[fentry(function = "inet_unhash")]
pub fn fentry_inet_unhash_again(ctx: FEntryContext) -> i32 {
    function::unhash(Typed::new(ctx.arg(0)));
    0
}

/// `inet_twsk_hashdance(struct inet_timewait_sock *tw, struct sock *sk, ...)`, since 6.11
/// `inet_twsk_hashdance_schedule`.
#[fentry(function = "inet_twsk_hashdance")]
pub fn fentry_inet_twsk_hashdance(ctx: FEntryContext) -> i32 {
    function::hashdance(pointer(ctx.arg(0)), pointer(ctx.arg(1)));
    0
}

/// The same again.
#[fentry(function = "inet_twsk_hashdance")]
pub fn fentry_inet_twsk_hashdance_again(ctx: FEntryContext) -> i32 {
    function::hashdance(pointer(ctx.arg(0)), pointer(ctx.arg(1)));
    0
}

/// `void inet_twsk_kill(struct inet_timewait_sock *tw)`.
#[fentry(function = "inet_twsk_kill")]
pub fn fentry_inet_twsk_kill(ctx: FEntryContext) -> i32 {
    function::gone(pointer(ctx.arg(0)));
    0
}

/// `void tcp_twsk_destructor(struct sock *sk)`, of a mini-socket.
#[fentry(function = "tcp_twsk_destructor")]
pub fn fentry_tcp_twsk_destructor(ctx: FEntryContext) -> i32 {
    function::gone(pointer(ctx.arg(0)));
    0
}

/// `void tcp_v4_destroy_sock(struct sock *sk)`, of IPv6, too.
#[fentry(function = "tcp_v4_destroy_sock")]
pub fn fentry_tcp_v4_destroy_sock(ctx: FEntryContext) -> i32 {
    function::gone(pointer(ctx.arg(0)));
    0
}

/// `int __sys_connect_file(struct file *, struct sockaddr_storage *address, int, int)` returns.
#[fexit(function = "__sys_connect_file")]
pub fn fexit_sys_connect_file(ctx: FExitContext) -> i32 {
    errno::connect_file_returned(pointer(ctx.arg(0)), pointer(ctx.arg(1)), ctx.arg(4));
    0
}

/// `int inet_csk_get_port(struct sock *sk, unsigned short snum)` returns.
#[fexit(function = "inet_csk_get_port")]
pub fn fexit_inet_csk_get_port(ctx: FExitContext) -> i32 {
    bind::csk_get_port_returned(pointer(ctx.arg(0)), ctx.arg(1), ctx.arg(2));
    0
}

/// `int __inet_bind(struct sock *sk, struct sockaddr *uaddr, int addr_len, u32 flags)` returns.
#[fexit(function = "__inet_bind")]
pub fn fexit_inet_bind(ctx: FExitContext) -> i32 {
    bind::bind_returned(pointer(ctx.arg(0)), pointer(ctx.arg(1)), ctx.arg(4));
    0
}

/// `int __inet6_bind(struct sock *sk, struct sockaddr *uaddr, int addr_len, u32 flags)` returns.
#[fexit(function = "__inet6_bind")]
pub fn fexit_inet6_bind(ctx: FExitContext) -> i32 {
    bind::bind_returned(pointer(ctx.arg(0)), pointer(ctx.arg(1)), ctx.arg(4));
    0
}

/// `int inet_autobind(struct sock *sk)` returns.
#[fexit(function = "inet_autobind")]
pub fn fexit_inet_autobind(ctx: FExitContext) -> i32 {
    bind::autobind_returned(pointer(ctx.arg(0)), ctx.arg(1));
    0
}

#[inline(always)]
fn pointer(argument: *const c_void) -> u64 {
    argument as u64
}
