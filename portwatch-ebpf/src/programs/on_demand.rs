//! What the user side runs itself (`BPF_PROG_TEST_RUN`); attached nowhere.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};

use crate::hooks;

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

/// Run on demand. Argument: the highest slot to free.
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn free_slots(ctx: RawTracePointContext) -> i32 {
    hooks::on_demand::free_slots(ctx.arg::<u64>(0) as u32);
    0
}

/// Run on demand. Arguments: a socket's address, the generation that it was last seen in.
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn sweep_drop(ctx: RawTracePointContext) -> i32 {
    hooks::on_demand::sweep_drop(ctx.arg(0), ctx.arg::<u64>(1) as u32);
    0
}

/// Run on demand. Arguments: the address of a `struct net`, the first port, the L3 domain.
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn ports_scan(ctx: RawTracePointContext) -> i32 {
    let (port, l3mdev) = (ctx.arg::<u64>(1) as u32, ctx.arg::<u64>(2) as u32);
    hooks::ports::scan(ctx.arg(0), port, l3mdev);
    0
}

/// Run on demand. Arguments: the address of a `struct net`, the number of a bucket of the table of
/// connections, a cursor, 0 for the first page.
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn bucket_scan(ctx: RawTracePointContext) -> i32 {
    hooks::bucket::scan(ctx.arg(0), ctx.arg::<u64>(1) as u32, ctx.arg(2));
    0
}

/// Run on demand. Argument: a socket's address.
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn look_at(ctx: RawTracePointContext) -> i32 {
    hooks::bucket::look_at(ctx.arg(0));
    0
}

/// Run on demand. Argument: a socket's address.
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn track_at(ctx: RawTracePointContext) -> i32 {
    hooks::bucket::track_at(ctx.arg(0));
    0
}
