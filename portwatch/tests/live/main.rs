//! End to end, on the running kernel: the built program against real sockets in network
//! namespaces of the tests' own. Needs root, ip(8) and ss(8) (iproute2).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod causes;
mod fill;
mod fixture;
mod reuse;
mod storm;
mod support;
