//! The `kprobe` hook set: functions entered, for kernels without BPF trampolines.

use core::ffi::c_void;

use aya_ebpf::{EbpfContext as _, macros::kprobe, programs::ProbeContext};

use crate::{
    hooks::{function, kprobe::arguments},
    socket::Probed,
};

/// The first two arguments of the probed function.
#[inline(always)]
fn of(ctx: &ProbeContext) -> Option<(u64, u64)> {
    arguments(ctx.as_ptr().cast_const().cast::<c_void>())
}

/// The first.
#[inline(always)]
fn first(ctx: &ProbeContext) -> Option<u64> {
    of(ctx).map(|(first, _)| first)
}

/// `inet_hash_connect`.
#[kprobe]
pub fn kprobe_inet_hash_connect(ctx: ProbeContext) -> u32 {
    function::hash_connect(of(&ctx).map(|(_, sk)| Probed(sk)));
    0
}

/// `inet6_hash_connect`.
#[kprobe]
pub fn kprobe_inet6_hash_connect(ctx: ProbeContext) -> u32 {
    function::hash_connect(of(&ctx).map(|(_, sk)| Probed(sk)));
    0
}

/// `tcp_fastopen_defer_connect`.
#[kprobe]
pub fn kprobe_tcp_fastopen_defer_connect(ctx: ProbeContext) -> u32 {
    function::defer_connect(first(&ctx).map(Probed));
    0
}

/// `inet_unhash`.
#[kprobe]
pub fn kprobe_inet_unhash(ctx: ProbeContext) -> u32 {
    function::unhash(first(&ctx).map(Probed));
    0
}

/// `inet_twsk_hashdance`, since 6.11 `inet_twsk_hashdance_schedule`.
#[kprobe]
pub fn kprobe_inet_twsk_hashdance(ctx: ProbeContext) -> u32 {
    if let Some((mini, sk)) = of(&ctx) {
        function::hashdance(mini, sk);
    }
    0
}

/// `inet_twsk_kill`.
#[kprobe]
pub fn kprobe_inet_twsk_kill(ctx: ProbeContext) -> u32 {
    gone(&ctx)
}

/// `tcp_twsk_destructor`.
#[kprobe]
pub fn kprobe_tcp_twsk_destructor(ctx: ProbeContext) -> u32 {
    gone(&ctx)
}

/// `tcp_v4_destroy_sock`.
#[kprobe]
pub fn kprobe_tcp_v4_destroy_sock(ctx: ProbeContext) -> u32 {
    gone(&ctx)
}

#[inline(always)]
fn gone(ctx: &ProbeContext) -> u32 {
    if let Some(socket) = first(ctx) {
        function::gone(socket);
    }
    0
}
