//! Which local ports a tuple holds, and which of them connect may take back from TIME_WAIT.

use core::ffi::c_void;

use aya_ebpf::{bindings::seq_file, helpers::generated::bpf_seq_write};
use portwatch_common::{NO_MEMBER, PortRow, TupleKey, WalkSettings};

use crate::{
    hooks::bucket::tell_listener,
    kernel::{now, probe_or_zero, state},
    maps::WALK,
    settings::offset,
    socket::Common,
};

/// `include/linux/socket.h`.
const AF_INET6: u16 = 10;
/// The loopback device of every namespace (`include/net/flow.h`).
const LOOPBACK_IFINDEX: i32 = 1;

/// Writes the port of a socket of the tuple that is wanted, however the port was chosen and whatever
/// the socket's state: request sockets (NEW_SYN_RECV) are in connect's way too.
#[inline(always)]
pub fn write(seq: *mut c_void, sk: *const c_void) {
    if sk.is_null() {
        return;
    }
    tell_listener(seq, sk);
    let Some(walk) = WALK.get(0) else { return };
    let mut copy = Common::at(sk as u64);
    let Some(socket) = copy.read() else { return };
    let state = i32::from(socket.state());
    if state == state::LISTEN || state == state::CLOSE {
        return;
    }
    let Some(located) = socket.locate() else {
        return;
    };
    if !in_the_way(&located.key, &walk.wanted) {
        return;
    }
    let reclaimable = state == state::TIME_WAIT && reclaimable(sk as u64, walk);
    let row = PortRow {
        tuple: 0,
        port: socket.local_port(),
        reclaimable: reclaimable.into(),
    };
    put(seq, &row);
}

/// Whether connect's search takes a connection for one of the wanted tuple. One that is bound to no
/// device is in the way of those that are, not the other way round (`inet_match`).
#[inline(always)]
pub fn in_the_way(key: &TupleKey, wanted: &TupleKey) -> bool {
    key.local[0] == wanted.local[0]
        && key.local[1] == wanted.local[1]
        && key.peer[0] == wanted.peer[0]
        && key.peer[1] == wanted.peer[1]
        && key.peer_port == wanted.peer_port
        && key.netns == wanted.netns
        && (key.bound_dev == wanted.bound_dev || key.bound_dev == 0)
}

/// Whether connect's search takes the port of a TIME_WAIT mini-socket back now (`tcp_twsk_unique`).
///
/// An orphan in FIN_WAIT2 is told to be in the way. Kernels without "tcp: avoid reusing FIN_WAIT2"
/// (5.10.223) take its port back too: there it is one more than was promised.
#[inline(always)]
pub fn reclaimable(mini: u64, walk: &WalkSettings) -> bool {
    let substate: u8 = member(mini, offset!(inet_timewait_sock_tw_substate));
    if walk.tw_reuse == 0 || i32::from(substate) != state::TIME_WAIT {
        return false;
    }
    // Without timestamps a late segment could be taken for one of the new connection.
    let stamp: u32 = member(mini, offset!(tcp_timewait_sock_tw_ts_recent_stamp));
    if stamp == 0 || walk.tw_reuse == 2 && !on_loopback(mini) {
        return false;
    }
    let now = now();
    if offset!(inet_timewait_sock_tw_entry_stamp) == NO_MEMBER {
        return after((now / 1_000_000_000) as u32, stamp);
    }
    let entered: u32 = member(mini, offset!(inet_timewait_sock_tw_entry_stamp));
    let threshold = entered.wrapping_add(walk.tw_reuse_delay_ms);
    after((now / 1_000_000) as u32, threshold)
}

/// `time_after32`.
#[inline(always)]
fn after(a: u32, b: u32) -> bool {
    (b.wrapping_sub(a) as i32) < 0
}

/// Whether a mini-socket is what `tcp_tw_reuse` 2 calls loopback. Of an IPv4 one the IPv6 members
/// are uninitialised.
#[inline(always)]
fn on_loopback(mini: u64) -> bool {
    if member::<i32>(mini, offset!(sock_common_skc_bound_dev_if)) == LOOPBACK_IFINDEX {
        return true;
    }
    if member::<u16>(mini, offset!(sock_common_skc_family)) == AF_INET6 {
        return v6_loopback(member(mini, offset!(sock_common_skc_v6_daddr)))
            || v6_loopback(member(mini, offset!(sock_common_skc_v6_rcv_saddr)));
    }
    let v4 = |offset: u32| member::<u32>(mini, offset) as u8 == 127;
    v4(offset!(sock_common_skc_daddr)) || v4(offset!(sock_common_skc_rcv_saddr))
}

/// `::1`, or a v4-mapped address of 127.0.0.0/8.
#[inline(always)]
fn v6_loopback(address: [u64; 2]) -> bool {
    let [high, low] = address;
    high == 0 && (low == 1 << 56 || low as u32 == 0xffff_0000 && (low >> 32) as u8 == 127)
}

/// A member of a mini-socket. Zero when it can't be read, which the iterator's reference rules out.
#[inline(always)]
fn member<T: Copy + Default>(mini: u64, offset: u32) -> T {
    probe_or_zero(mini + u64::from(offset))
}

/// Writes a record for the reader of the walk; false when its buffer is full.
#[inline(always)]
pub fn put(seq: *mut c_void, row: &PortRow) -> bool {
    // SAFETY: the verifier knows `seq` for the iterator's; the record is as long as told.
    let result = unsafe {
        bpf_seq_write(
            seq.cast::<seq_file>(),
            (&raw const *row).cast::<c_void>(),
            size_of::<PortRow>() as u32,
        )
    };
    result == 0
}
