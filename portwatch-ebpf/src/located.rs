//! The tuple of a socket, from the members of its `struct sock_common`.

use core::ffi::c_void;

use portwatch_common::{NO_MEMBER, TupleKey, v4_mapped};

use crate::{
    kernel::{netns_key, read},
    settings::offset,
};

/// `include/linux/socket.h`.
pub const AF_INET: u16 = 2;
pub const AF_INET6: u16 = 10;

/// A tuple and the `struct net` that it lives in.
pub struct Located {
    pub key: TupleKey,
    pub net: u64,
}

/// The tuple of a socket that is connecting or connected.
///
/// # Safety
///
/// `sk` is a pointer to `struct sock` or `struct sock_common` whose type the verifier knows.
#[inline(always)]
pub unsafe fn locate(sk: *const c_void) -> Option<Located> {
    // SAFETY: by contract; the offsets' sizes were checked when they were resolved.
    unsafe {
        let net: *const c_void = read(sk, offset!(sock_common_skc_net));
        let cookie: u64 = if offset!(net_net_cookie) == NO_MEMBER {
            0
        } else {
            read(net, offset!(net_net_cookie))
        };
        let netns = if cookie == 0 {
            netns_key(0, read(net, offset!(net_ns_inum)))
        } else {
            cookie
        };
        Some(Located {
            key: tuple_key(sk, netns)?,
            net: net as u64,
        })
    }
}

/// Builds the key from the members of `struct sock_common` at `base`.
///
/// # Safety
///
/// As for [`read`].
#[inline(always)]
pub unsafe fn tuple_key(base: *const c_void, netns: u64) -> Option<TupleKey> {
    // SAFETY: by contract.
    unsafe {
        let family: u16 = read(base, offset!(sock_common_skc_family));
        let v4 = match family {
            AF_INET => true,
            AF_INET6 => {
                let peer = words(base, offset!(sock_common_skc_v6_daddr));
                peer[0] == 0 && peer[1] as u32 == 0xffff_0000
            }
            _ => return None,
        };
        let (local, peer) = if v4 {
            (
                v4_mapped(read(base, offset!(sock_common_skc_rcv_saddr))),
                v4_mapped(read(base, offset!(sock_common_skc_daddr))),
            )
        } else {
            (
                words(base, offset!(sock_common_skc_v6_rcv_saddr)),
                words(base, offset!(sock_common_skc_v6_daddr)),
            )
        };
        Some(TupleKey {
            netns,
            local,
            peer,
            bound_dev: read(base, offset!(sock_common_skc_bound_dev_if)),
            peer_port: u16::from_be(read(base, offset!(sock_common_skc_dport))),
            reserved: 0,
        })
    }
}

/// An IPv6 address as two words, the form of [`TupleKey`].
///
/// # Safety
///
/// As for [`read`].
#[inline(always)]
unsafe fn words(base: *const c_void, offset: u32) -> [u64; 2] {
    // SAFETY: by contract.
    unsafe { [read(base, offset), read(base, offset + 8)] }
}
