//! End to end, on the running kernel: the built program against real sockets in network
//! namespaces of the tests' own. Needs root, ip(8) and ss(8) (iproute2).
//!
//! `PORTWATCH_HOOKS=fentry` (or `kprobe`, `tracepoint`) chooses the hook set of every watcher;
//! `PORTWATCH_OPERATIONS=n` the length of the random runs, and scales the other large sizes with it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod accuracy;
mod agreement;
mod attribution;
mod bad_fit;
mod bad_use;
mod bind;
mod blockers;
mod capacity;
mod causes;
mod check;
mod daemon;
mod ending;
mod explain;
mod explain_whom;
mod fill;
mod filters;
mod fixture;
mod forecast;
mod full_maps;
mod namespaces;
mod out_of_sight;
mod quiet;
mod recording;
mod reuse;
mod slow_search;
mod special;
mod start;
mod storm;
mod support;
mod time_wait;
mod top;
