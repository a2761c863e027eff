use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A tuple: the group of connections inside which each needs its own local port.
///
/// Addresses are 16 bytes in network order, an IPv4 address in its v4-mapped form, so that an
/// IPv6 socket connected to a v4-mapped peer shares the key of the IPv4 tuple that it is in the
/// kernel (`tcp_v6_connect` hands such a socket to `tcp_v4_connect`).
#[repr(C)]
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
)]
pub struct TupleKey {
    /// Cookie of the network namespace (`struct net.net_cookie`). Where the kernel has not given
    /// one yet, the inode number with the top bit set.
    pub netns: u64,
    /// Local address, network order, in two native words.
    pub local: [u64; 2],
    /// Peer address, network order, in two native words.
    pub peer: [u64; 2],
    /// Interface index that the socket is bound to (`skc_bound_dev_if`), 0 for none.
    pub bound_dev: u32,
    /// Peer port, host order.
    pub peer_port: u16,
    /// Always zero.
    pub reserved: u16,
}

/// The v4-mapped form of an IPv4 address given as the kernel stores it (`__be32`).
#[inline(always)]
#[must_use]
pub const fn v4_mapped(address_be: u32) -> [u64; 2] {
    [0, (address_be as u64) << 32 | 0xffff_0000]
}

impl TupleKey {
    /// The local address as 16 bytes in network order.
    #[must_use]
    pub fn local_bytes(&self) -> [u8; 16] {
        bytes(self.local)
    }

    /// The peer address as 16 bytes in network order.
    #[must_use]
    pub fn peer_bytes(&self) -> [u8; 16] {
        bytes(self.peer)
    }
}

fn bytes(words: [u64; 2]) -> [u8; 16] {
    let mut out = [0; 16];
    out[..8].copy_from_slice(&words[0].to_ne_bytes());
    out[8..].copy_from_slice(&words[1].to_ne_bytes());
    out
}
