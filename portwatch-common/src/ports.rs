use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::TupleKey;

/// Ports that one run of the program `ports_scan` tells of at most.
pub const PORTS_A_RUN: usize = 64;
/// Buckets that one run looks at, empty chains included: a port whose own chain is longer can't be
/// told. The verifier walks the loop step by step.
pub const BUCKETS_A_RUN: usize = 96;
/// Bytes that the kernel side copies from the start of a `struct inet_bind_bucket`. Every member
/// that it reads must lie inside; the user side checks that before it loads.
pub const BIND_BUCKET_COPY: usize = 64;

/// Result of one run of the program `ports_scan`.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct PortsPage {
    /// Ports told of, from the first one asked for on. None although nothing is broken: the first
    /// port's chain is longer than a run can walk.
    pub count: u32,
    /// 1 when a read failed: the chain changed under the walk.
    pub broken: u32,
    /// A [`PortState`] each.
    pub states: [u8; PORTS_A_RUN],
}

/// What connect's port search finds at a port (`__inet_hash_connect`), whatever the peer.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortState {
    /// No bucket: nobody in the namespace uses the port.
    Absent = 0,
    /// A bucket that connect made: the port serves any tuple that does not have it yet.
    Connect = 1,
    /// A bucket that bind made or joined (`fastreuse` or `fastreuseport` not negative): the search
    /// passes it by.
    Blocked = 2,
}

/// What a walk over a namespace's sockets is told: the one element of the array `WALK`.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct WalkSettings {
    /// Of the program `walk_ports`: the tuple whose ports are wanted.
    pub wanted: TupleKey,
    /// `tcp_tw_reuse` of the namespace.
    pub tw_reuse: u32,
    /// `tcp_tw_reuse_delay` of the namespace, milliseconds; unused before 6.14.
    pub tw_reuse_delay_ms: u32,
}

/// A local port in use, as a walk writes it: one record a socket. Where the kernel's walk may leave
/// out a bucket, also one for each listener, see [`PortRow::listener`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct PortRow {
    /// `Census::index` of its tuple; 0 where only one was asked for.
    pub tuple: u32,
    /// Local port, host order.
    pub port: u16,
    /// 1 where connect may take the port back from TIME_WAIT now.
    pub reclaimable: u16,
}

impl PortRow {
    /// The record of a listener, by the number of its bucket (`tcp_iter_state.bucket`).
    #[inline(always)]
    #[must_use]
    pub const fn listener(bucket: u32) -> Self {
        Self {
            tuple: bucket,
            port: 0,
            reclaimable: 0,
        }
    }

    /// The bucket of the listener that this tells of; none for a connection, which has a port.
    #[inline(always)]
    #[must_use]
    pub const fn listener_bucket(&self) -> Option<u32> {
        if self.port == 0 {
            Some(self.tuple)
        } else {
            None
        }
    }
}
