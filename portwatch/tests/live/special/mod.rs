//! Connections that are not made, or not ended, by a plain connect(2) and close(2) of one process.
//!
//! docs/sockets.md tells how each kind is treated.

mod fast_open;
mod io_uring;
mod killed;
mod mptcp;
mod passed;

use std::{io::Write, net::SocketAddr};

use crate::support::{
    event::Event,
    kernel_list::{Count, Counts, Tuple},
    netns::Netns,
    ticks, wait,
    watcher::Watcher,
};

const RANGE: std::ops::RangeInclusive<u16> = 30_000..=30_009;
const PORT: u16 = 8080;

/// The tracer and the kernel agree, and it is so many ports that these tuples have.
fn counted(watcher: &Watcher, netns: &Netns, used: &[(Tuple, u32)]) {
    let tick = ticks::wait_until_equal(watcher, &[(netns, RANGE)], wait::SOON);
    let count = |used| Count { used, time_wait: 0 };
    let expected: Counts = used.iter().map(|&(tuple, n)| (tuple, count(n))).collect();
    assert_eq!(tick.counts(netns), expected);
}

/// The failures that the tracer tells are these, each of this process, and no more.
fn told(watcher: &Watcher, kind: &str, expected: &[(Tuple, u32)]) {
    let told = watcher.wait_for("the failures", |events| {
        let told: Vec<Event> = events.iter().filter(|e| e.is(kind)).cloned().collect();
        (told.len() >= expected.len()).then_some(told)
    });
    let told: Vec<_> = told.iter().map(|e| (e.tuple(), e.small("pid"))).collect();
    assert_eq!(told, expected);
}

fn v4(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// What kernels without the matter make of a test of it.
pub fn skip(test: &str, reason: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
}
