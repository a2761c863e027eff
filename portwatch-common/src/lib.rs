//! The records that portwatch's kernel side and its user side share.
//!
//! Everything here is plain data of fixed layout, little-endian as the host is: the kernel side
//! writes it into BPF maps and the ring buffer, the user side reads it back. `zerocopy`'s derives
//! refuse a record with padding at compile time, because uninitialised padding in a map key makes
//! two equal keys differ.

#![no_std]

mod bind;
mod bucket;
mod census;
mod config;
mod key;
mod netns;
mod ports;
mod record;
mod slow;
mod socket;
mod stats;
mod tuple;

pub use bind::{BIND_NAMESPACES, BindFailures, Failures};
pub use bucket::{BUCKET_STEPS, BucketPage, Look};
pub use census::Census;
pub use config::{Config, Control, NO_MEMBER, Offsets, SOCK_COMMON_COPY, TIME_WAIT_COPY};
pub use key::{TupleKey, v4_mapped};
pub use netns::{
    NETNS_PAGE_ROWS, NetnsPage, NetnsRow, NetnsSettings, RESERVED_BYTES, ReservedPorts,
};
pub use ports::{
    BIND_BUCKET_COPY, BUCKETS_A_RUN, PORTS_A_RUN, PortRow, PortState, PortsPage, WalkSettings,
};
pub use record::{EVENT_BURST, EVENT_WINDOW_SHIFT, Record, RecordKind};
pub use slow::SlowSearches;
pub use socket::{Class, Phase, Tracked};
pub use stats::Stats;
pub use tuple::{Level, SLOTS_A_RUN, Thresholds, TupleEntry};
