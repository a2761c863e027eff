use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::TupleKey;

/// A window of the event rate limit is `1 << EVENT_WINDOW_SHIFT` nanoseconds long: 1.07 s.
pub const EVENT_WINDOW_SHIFT: u32 = 30;
/// Failure events that a tuple may send in one window; the rest is counted, not sent. Crossings of
/// thresholds may bring it to twice as many.
pub const EVENT_BURST: u32 = 10;

/// One event from the kernel side, an entry of the ring buffer `EVENTS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct Record {
    /// When, nanoseconds of `CLOCK_MONOTONIC`.
    pub time_ns: u64,
    /// Whose. For [`RecordKind::NoSourceAddress`] the local address is zero; for binds there is no
    /// peer.
    pub key: TupleKey,
    /// Failures of this kind so far, those without an event included.
    pub total: u64,
    /// A [`RecordKind`].
    pub kind: u32,
    /// Slot of the tuple in the array `TUPLES`.
    pub tuple: u32,
    /// Process (`tgid`) that the event happened in; 0 in an interrupt or a kernel thread.
    pub pid: u32,
    /// Thread.
    pub tid: u32,
    /// User of the process.
    pub uid: u32,
    /// Ports in use, see `TupleEntry::used`.
    pub used: i32,
    /// The TIME_WAIT part of them.
    pub time_wait: i32,
    /// The tuple's capacity, as the kernel side knew it.
    pub capacity: u32,
    /// Inode number of the network namespace.
    pub netns_inum: u32,
    /// How long the port search took that a [`RecordKind::SlowSearch`] tells of, nanoseconds.
    pub search_ns: u32,
    /// The bound local port of a conflict, host order; 0 otherwise.
    pub local_port: u16,
    /// Always zero.
    pub reserved: [u16; 3],
    /// Command name of the task, padded with zeros.
    pub comm: [u8; 16],
}

/// What a [`Record`] tells.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// `used` rose to the warning threshold.
    Warning = 1,
    /// `used` rose to the critical threshold.
    Critical = 2,
    /// `used` fell below the recovery threshold.
    Recovered = 3,
    /// connect(2) failed: the port search found nothing.
    Exhausted = 4,
    /// connect(2) failed: the socket's bound port already has this very connection.
    Conflict = 5,
    /// connect(2) failed before a port search: no usable source address.
    NoSourceAddress = 6,
    /// A namespace was seen for the first time.
    NewNetns = 7,
    /// Several port searches in a row took long: most ports of the range that a search looks at
    /// are taken.
    SlowSearch = 8,
    /// TCP bind(2) to any port, or listen(2) without bind: no port was free.
    TcpBind = 9,
    /// UDP bind(2) to any port: no port was free.
    UdpBind = 10,
    /// UDP connect(2) or a send without bind: no port was free.
    UdpAutobind = 11,
}

impl RecordKind {
    /// The kind with this number, none for a number that this version does not know.
    #[must_use]
    pub const fn from_u32(kind: u32) -> Option<Self> {
        Some(match kind {
            1 => Self::Warning,
            2 => Self::Critical,
            3 => Self::Recovered,
            4 => Self::Exhausted,
            5 => Self::Conflict,
            6 => Self::NoSourceAddress,
            7 => Self::NewNetns,
            8 => Self::SlowSearch,
            9 => Self::TcpBind,
            10 => Self::UdpBind,
            11 => Self::UdpAutobind,
            _ => return None,
        })
    }
}
