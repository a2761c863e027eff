use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::TupleKey;

/// Sockets that one run of the program `bucket_scan` looks at. The verifier walks the loop step by
/// step.
pub const BUCKET_STEPS: usize = 64;

/// Result of one run of the program `bucket_scan`: sockets of a namespace in one bucket of the
/// kernel's table of connections (`inet_hashinfo.ehash`).
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct BucketPage {
    /// Where the next run goes on, 0 when the chain is at its end.
    pub cursor: u64,
    /// Elements written.
    pub count: u32,
    /// 1 when a read failed or another chain was entered: the chain changed under the walk, which
    /// has to be repeated.
    pub broken: u32,
    /// The address of a socket each, 0 for one of another namespace.
    pub sockets: [u64; BUCKET_STEPS],
}

/// Result of one run of the program `look_at`: a connection, as a walk would have met it.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct Look {
    /// Its tuple.
    pub key: TupleKey,
    /// Local port, host order; 0 where there is no connection at the address.
    pub local_port: u16,
    /// TCP state; of a mini-socket its `tw_substate`.
    pub state: u8,
    /// 1 for a mini-socket.
    pub time_wait: u8,
    /// 1 where connect chose the port.
    pub autobound: u8,
    /// 1 where it is in the way of the tuple that `WalkSettings` wants.
    pub in_the_way: u8,
    /// 1 where connect may take the port back from TIME_WAIT now.
    pub reclaimable: u8,
    /// Always zero.
    pub reserved: u8,
}
