use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Namespaces that one run of the program `netns_list` reports at most. The verifier walks each row's
/// code anew, which is much of the time that a start takes.
pub const NETNS_PAGE_ROWS: usize = 32;
/// Size of the kernel's bitmap of reserved ports, one bit a port.
pub const RESERVED_BYTES: usize = 65536 / 8;

/// What the kernel side knows of a namespace; value of the map `NETNS`, keyed by cookie.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct NetnsSettings {
    /// Inode number, as in `/proc/PID/ns/net`.
    pub inum: u32,
    /// Capacity of every tuple in it: range minus reserved ports.
    pub capacity: u32,
    /// First port of the range that the capacity is that of.
    pub low: u16,
    /// Last port of it.
    pub high: u16,
}

/// A namespace in the kernel's list (`net_namespace_list`).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct NetnsRow {
    /// Address of its `struct net`; 0 for a row without a namespace.
    pub net: u64,
    /// Its key, see `TupleKey::netns`.
    pub cookie: u64,
    /// Inode number, as in `/proc/PID/ns/net`.
    pub inum: u32,
    /// First port of `ip_local_port_range`.
    pub low: u16,
    /// Last port of `ip_local_port_range`, inclusive.
    pub high: u16,
    /// `tcp_tw_reuse`.
    pub tw_reuse: u16,
    /// `tcp_timestamps`.
    pub timestamps: u16,
    /// `tcp_tw_reuse_delay`, milliseconds; 0 where the kernel has no such setting.
    pub tw_reuse_delay_ms: u32,
}

/// Result of one run of the program `netns_list`.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct NetnsPage {
    /// Where the next run goes on: an address inside a `struct net`, 0 when the walk came round.
    pub cursor: u64,
    /// Where this walk began.
    pub start: u64,
    /// Rows written.
    pub count: u32,
    /// 1 when a read failed: the list changed under the walk, which has to be repeated.
    pub broken: u32,
    /// The rows.
    pub rows: [NetnsRow; NETNS_PAGE_ROWS],
}

/// Result of one run of the program `netns_reserved`.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct ReservedPorts {
    /// Address of the `struct net` that the bitmap belongs to; 0 when it could not be read.
    pub net: u64,
    /// `ip_local_reserved_ports`, bit `port % 8` of byte `port / 8`.
    pub bitmap: [u8; RESERVED_BYTES],
}
