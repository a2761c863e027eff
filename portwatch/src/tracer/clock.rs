//! The kernel side's clock, and the wall clock's time of its stamps.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The clock of the kernel side's time stamps, nanoseconds (`bpf_ktime_get_ns`).
pub(super) fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// The second of that clock, which the kernel side is told for ages.
pub(super) fn second() -> u32 {
    u32::try_from(monotonic_ns() / 1_000_000_000).unwrap_or(u32::MAX)
}

/// The wall clock's time at `ns` of the kernel side's clock. The two are compared at every use:
/// the wall clock may be set while we run.
pub(super) fn wall(ns: u64) -> Timestamp {
    let ago = monotonic_ns().saturating_sub(ns);
    let ago = SignedDuration::from_nanos(i64::try_from(ago).unwrap_or(0));
    let now = Timestamp::now();
    now.checked_sub(ago).unwrap_or(now)
}

/// What the calling thread has used of a processor: what its work costs, however long it had to wait
/// for one.
pub(super) fn processor_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(used).unwrap_or_default()
}
