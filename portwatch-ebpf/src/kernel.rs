//! Reads of kernel structures through the offsets resolved at load.

use core::{ffi::c_void, mem::MaybeUninit, ptr};

use aya_ebpf::helpers::{bpf_ktime_get_ns, generated::bpf_probe_read_kernel};
use portwatch_common::{NO_MEMBER, TIME_WAIT_COPY, TupleKey, v4_mapped};

use crate::settings::offset;

/// `include/linux/socket.h`.
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// `include/uapi/linux/in.h`.
pub const IPPROTO_TCP: u16 = 6;
/// `include/net/sock.h`, since 6.18 and 6.17.13: connect chose the port.
const SOCK_CONNECT_BIND: u8 = 16;

/// TCP states, `include/net/tcp_states.h`.
pub mod state {
    pub const SYN_SENT: i32 = 2;
    pub const TIME_WAIT: i32 = 6;
    pub const CLOSE: i32 = 7;
    pub const LISTEN: i32 = 10;
    pub const NEW_SYN_RECV: i32 = 12;
}

/// A member of a structure that the verifier knows the type of, or of a copy on the stack.
///
/// # Safety
///
/// `base` is such a pointer, and a `T` stands at `offset`.
#[inline(always)]
pub unsafe fn read<T: Copy>(base: *const c_void, offset: u32) -> T {
    // SAFETY: by contract. Volatile, so that the compiler neither merges nor moves loads whose
    // address the verifier has to follow.
    unsafe { base.byte_add(offset as usize).cast::<T>().read_volatile() }
}

/// A value at any kernel address; none when it can't be read.
#[inline(always)]
pub fn probe<T: Copy>(address: u64) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the helper writes exactly the size of `T`, or fails.
    let result = unsafe {
        bpf_probe_read_kernel(
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            ptr::with_exposed_provenance(address as usize),
        )
    };
    // SAFETY: filled when the helper returned 0.
    (result == 0).then(|| unsafe { value.assume_init() })
}

/// Nanoseconds of `CLOCK_MONOTONIC`.
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_ktime_get_ns() }
}

/// A tuple and the `struct net` that it lives in.
pub struct Located {
    pub key: TupleKey,
    pub net: u64,
}

/// The namespace key of a `struct net`: its cookie, or the inode number where it has none yet
/// (before 5.12 the cookie was made at its first use).
#[inline(always)]
pub fn netns_key(cookie: u64, inum: u32) -> u64 {
    if cookie == 0 {
        u64::from(inum) | 1 << 63
    } else {
        cookie
    }
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
        let cookie: u64 = read(net, offset!(net_net_cookie));
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

/// True when connect chose the local port of a connected socket, not bind.
///
/// Since 6.18 the socket says so itself. Before, only its bind bucket can: connect's search makes
/// buckets with both fields negative (`__inet_hash_connect`), bind never does; a bind that joined
/// later turns the bucket, and with it this answer.
///
/// # Safety
///
/// `tcp` is a pointer to `struct tcp_sock` whose type the verifier knows.
#[inline(always)]
pub unsafe fn autobound(tcp: *const c_void) -> bool {
    // SAFETY: by contract.
    unsafe {
        if offset!(inet_timewait_sock_tw_connect_bind) != NO_MEMBER
            && offset!(sock_sk_userlocks) != NO_MEMBER
        {
            return read::<u8>(tcp, offset!(sock_sk_userlocks)) & SOCK_CONNECT_BIND != 0;
        }
        let bucket: *const c_void = read(tcp, offset!(inet_connection_sock_icsk_bind_hash));
        connect_owned(bucket as u64)
    }
}

/// True for a bind bucket that connect's search made and no bind joined.
#[inline(always)]
pub fn connect_owned(bucket: u64) -> bool {
    let field = |offset: u32| probe::<i8>(bucket.wrapping_add(u64::from(offset))).unwrap_or(0);
    field(offset!(inet_bind_bucket_fastreuse)) < 0
        && field(offset!(inet_bind_bucket_fastreuseport)) < 0
}

/// A copy of the start of a `struct inet_timewait_sock`.
pub struct TimeWait {
    copy: [u64; TIME_WAIT_COPY / 8],
    address: u64,
}

impl TimeWait {
    /// Copies the mini-socket at this address.
    #[inline(always)]
    pub fn at(address: u64) -> Option<Self> {
        Some(Self {
            copy: probe(address)?,
            address,
        })
    }

    /// Its tuple.
    #[inline(always)]
    pub fn locate(&self) -> Option<Located> {
        let net: u64 = self.member(offset!(sock_common_skc_net));
        let cookie: u64 = probe(net + u64::from(offset!(net_net_cookie)))?;
        let netns = if cookie == 0 {
            netns_key(0, probe(net + u64::from(offset!(net_ns_inum)))?)
        } else {
            cookie
        };
        // SAFETY: every member that `tuple_key` reads lies inside the copy.
        let key = unsafe { tuple_key(self.copy.as_ptr().cast(), netns)? };
        Some(Located { key, net })
    }

    /// True when connect chose its port: by its own flag, else (before 6.17.13) by its bucket.
    #[inline(always)]
    pub fn autobound(&self) -> bool {
        if offset!(inet_timewait_sock_tw_connect_bind) != NO_MEMBER {
            let byte: u8 = self.member(offset!(inet_timewait_sock_tw_connect_bind));
            return byte >> (offset!(inet_timewait_sock_tw_connect_bind_bit) & 7) & 1 == 1;
        }
        probe(self.address + u64::from(offset!(inet_timewait_sock_tw_tb)))
            .is_some_and(connect_owned)
    }

    /// Local port, host order.
    #[inline(always)]
    pub fn local_port(&self) -> u16 {
        self.member(offset!(sock_common_skc_num))
    }

    /// FIN_WAIT2 or TIME_WAIT.
    #[inline(always)]
    pub fn substate(&self) -> u8 {
        self.member(offset!(inet_timewait_sock_tw_substate))
    }

    #[inline(always)]
    fn member<T: Copy>(&self, offset: u32) -> T {
        // SAFETY: the loader checked that the member lies inside the copy.
        unsafe { read(self.copy.as_ptr().cast(), offset) }
    }
}

/// True while the timer of the mini-socket at this address is armed, that is, until its end.
#[inline(always)]
pub fn time_wait_armed(address: u64) -> bool {
    let timer = address + u64::from(offset!(inet_timewait_sock_tw_timer));
    probe::<u64>(timer + u64::from(offset!(timer_list_entry_pprev))).is_some_and(|pprev| pprev != 0)
}
