use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// One member of the set of tracked sockets. The key is the address of the `struct sock`, for
/// TIME_WAIT that of the `struct inet_timewait_sock`.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct Tracked {
    /// Slot of its tuple in the array `TUPLES`.
    pub tuple: u32,
    /// Generation (`Control::generation`) in which the socket entered the set, or of the last walk
    /// that saw it in the kernel's own list.
    pub generation: u32,
    /// While [`Phase::Connecting`], `tcp_sock.write_seq` when the attempt began: still the same at
    /// the end means that no SYN was ever built, so that the port search is what failed. From then
    /// on `Control::second` when the connection had its port, see [`Tracked::opened`].
    pub stamp: u32,
    /// When the port search began: the low half of `CLOCK_MONOTONIC` in nanoseconds, 0 where no
    /// hook told.
    pub search_began: u32,
    /// Local port, host order; while [`Phase::Connecting`], the socket's source port from before
    /// the port search, in network order, which is 0 or left over from an earlier connection.
    pub local_port: u16,
    /// A [`Phase`].
    pub phase: u8,
    /// A [`Class`].
    pub class: u8,
    /// Process (`tgid`) that called connect(2); 0 where nobody saw who did. The mini-socket of a
    /// connection takes it over.
    pub opener: u32,
}

impl Tracked {
    /// An autobound socket whose local port is known.
    #[inline(always)]
    #[must_use]
    pub const fn new(local_port: u16, phase: Phase) -> Self {
        Self {
            tuple: 0,
            generation: 0,
            stamp: 0,
            search_began: 0,
            local_port,
            phase: phase as u8,
            class: Class::Autobound as u8,
            opener: 0,
        }
    }
}

impl Tracked {
    /// `Control::second` when the connection had its port; 0 where nobody saw that.
    #[inline(always)]
    #[must_use]
    pub const fn opened(&self) -> u32 {
        if self.phase == Phase::Live as u8 || self.phase == Phase::TimeWait as u8 {
            self.stamp
        } else {
            0
        }
    }

    /// Whether the other is the same attempt to connect, seen twice.
    #[inline(always)]
    #[must_use]
    pub const fn same_attempt(&self, other: &Self) -> bool {
        self.phase == Phase::Connecting as u8
            && self.phase == other.phase
            && self.stamp == other.stamp
            && self.local_port == other.local_port
            && self.class == other.class
    }
}

/// Where a tracked socket is in its life.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// connect(2) is under way; the local port is not known yet.
    Connecting = 1,
    /// The local port is known.
    Live = 2,
    /// The mini-socket of a closed connection.
    TimeWait = 3,
    /// The port search found nothing, which has been counted; the socket counts for nothing any
    /// more. Its entry stays for the hooks that see the failure next.
    Failed = 4,
}

/// Who chose the local port.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// connect(2)'s own port search: counts as `used`.
    Autobound = 0,
    /// A bind(2) before connect(2): counts as `bound`.
    Bound = 1,
}
