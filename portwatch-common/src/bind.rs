use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Namespaces that the map `BINDS` has room for: those in which a bind ever failed.
pub const BIND_NAMESPACES: u32 = 1024;

/// Binds of one namespace that found no free port; value of the map `BINDS`, keyed by cookie.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct BindFailures {
    /// TCP: bind(2) to any port, listen(2) without bind.
    pub tcp_bind: Failures,
    /// UDP: bind(2) to any port.
    pub udp_bind: Failures,
    /// UDP: connect(2) or a send without bind.
    pub udp_autobind: Failures,
    /// Inode number of the namespace.
    pub inum: u32,
    /// Always zero.
    pub reserved: u32,
}

/// Failures of one cause.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct Failures {
    /// So far.
    pub total: u64,
    /// Start of the window of their rate limit, see `TupleEntry::window`.
    pub window: u32,
    /// Events sent in that window.
    pub window_events: u32,
}

impl BindFailures {
    /// No failure yet.
    pub const ZERO: Self = zerocopy::transmute!([0_u8; size_of::<Self>()]);
}
