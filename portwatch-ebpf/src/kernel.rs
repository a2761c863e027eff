//! Reads of kernel memory through the offsets resolved at load.

use core::{ffi::c_void, mem::MaybeUninit, ptr};

use aya_ebpf::helpers::{bpf_ktime_get_ns, generated::bpf_probe_read_kernel};
use portwatch_common::NO_MEMBER;

use crate::settings::offset;

/// `include/uapi/linux/in.h`.
pub const IPPROTO_TCP: u16 = 6;
pub const IPPROTO_UDP: u16 = 17;
pub const IPPROTO_MPTCP: u16 = 262;

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
    let mut value = MaybeUninit::uninit();
    // SAFETY: filled when the answer is true.
    probe_into(&mut value, address).then(|| unsafe { value.assume_init() })
}

/// A value at any kernel address, zero when it can't be read (the helper fills with zeros then).
/// Unlike the none of [`probe`] that is a defined value: where the compiler keeps it on the stack,
/// older verifiers refuse the reload of an undefined one.
#[inline(always)]
pub fn probe_or_zero<T: Copy + Default>(address: u64) -> T {
    let mut value = MaybeUninit::new(T::default());
    probe_into(&mut value, address);
    // SAFETY: it was before the helper wrote to it.
    unsafe { value.assume_init() }
}

/// Copies a value from any kernel address; false when it can't be read.
#[inline(always)]
pub fn probe_into<T: Copy>(place: &mut MaybeUninit<T>, address: u64) -> bool {
    // SAFETY: the helper writes exactly the size of `T`, or fails.
    let result = unsafe {
        bpf_probe_read_kernel(
            place.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            ptr::with_exposed_provenance(address as usize),
        )
    };
    result == 0
}

/// Nanoseconds of `CLOCK_MONOTONIC`.
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_ktime_get_ns() }
}

/// The namespace key of a `struct net`: its cookie, or the inode number where it has none. Before
/// 5.12 (`net_gen_cookie`) a cookie was made at its first use: a key that changes in between would
/// be two.
#[inline(always)]
pub fn netns_key(cookie: u64, inum: u32) -> u64 {
    if cookie == 0 {
        u64::from(inum) | 1 << 63
    } else {
        cookie
    }
}

/// The key of the `struct net` at an address.
#[inline(always)]
pub fn netns_key_at(net: u64) -> Option<u64> {
    if offset!(net_net_cookie) != NO_MEMBER {
        let cookie: u64 = probe(net + u64::from(offset!(net_net_cookie)))?;
        if cookie != 0 {
            return Some(cookie);
        }
    }
    Some(netns_key(0, probe(net + u64::from(offset!(net_ns_inum)))?))
}

/// The `struct inet_hashinfo` of the `struct net` at an address; 0 when it can't be read.
#[inline(always)]
pub fn hashinfo(net: u64) -> u64 {
    let mut place = net + u64::from(offset!(net_tcp_death_row));
    if offset!(inet_timewait_death_row_hashinfo) != NO_MEMBER {
        let row: u64 = probe_or_zero(place);
        place = row + u64::from(offset!(inet_timewait_death_row_hashinfo));
    }
    probe_or_zero(place)
}

/// True while the kernel's table of connections holds the socket at this address.
#[inline(always)]
pub fn hashed(address: u64) -> bool {
    let link = address + u64::from(offset!(sock_common_skc_nulls_node_pprev));
    probe::<u64>(link).is_some_and(|pprev| pprev != 0)
}

/// True for a bind bucket that connect's search made and no bind joined.
#[inline(always)]
pub fn connect_owned(bucket: u64) -> bool {
    let field = |offset: u32| probe::<i8>(bucket.wrapping_add(u64::from(offset))).unwrap_or(0);
    field(offset!(inet_bind_bucket_fastreuse)) < 0
        && field(offset!(inet_bind_bucket_fastreuseport)) < 0
}

/// True while the timer of the mini-socket at this address is armed, that is, until its end.
#[inline(always)]
pub fn time_wait_armed(address: u64) -> bool {
    let timer = address + u64::from(offset!(inet_timewait_sock_tw_timer));
    probe::<u64>(timer + u64::from(offset!(timer_list_entry_pprev))).is_some_and(|pprev| pprev != 0)
}
