use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Connections of one tuple, counted in one walk over the kernel's own list of sockets.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct Census {
    /// Autobound connections by TCP state (`include/net/tcp_states.h`); a mini-socket counts
    /// under its `tw_substate`, as in `ss`.
    pub states: [u32; 13],
    /// The part of them that are mini-sockets.
    pub time_wait: u32,
    /// The tuple's number in this census, from 0 on.
    pub index: u32,
    /// Always zero.
    pub reserved: u32,
}
