//! One bucket of the kernel's table of connections, for walks that leave it out.
//!
//! From 5.15 to 6.16 `iter/tcp` leaves out the first bucket that holds a socket of the namespace where
//! its number is that of the last listener's bucket and one, or 0 without a listener:
//! `tcp_seek_last_pos` (net/ipv4/tcp_ipv4.c) goes on from the listeners with an offset of -1. The
//! walk tells of its listeners, and the user side has that bucket read here.

use core::ffi::c_void;

use portwatch_common::{BUCKET_STEPS, Look, NO_MEMBER, Phase, PortRow, WalkSettings};

use crate::{
    accounting::leave,
    hooks::{
        held::{in_the_way, put, reclaimable},
        iter::{Connection, take_in},
    },
    kernel::{hashed, hashinfo, probe, probe_or_zero, read, state},
    maps::{BUCKET_PAGE, LOOK, WALK},
    settings::offset,
    socket::{Common, Probed, Socket as _, mini_autobound},
};

/// Has a walk tell of a listener.
#[inline(always)]
pub fn tell_listener(seq: *mut c_void, sk: *const c_void) {
    if offset!(tcp_iter_state_bucket) == NO_MEMBER {
        return;
    }
    // SAFETY: the iterator passes a `struct sock_common` and its own `struct seq_file`.
    let (state, walk): (u8, u64) = unsafe {
        (
            read(sk, offset!(sock_common_skc_state)),
            read(seq, offset!(seq_file_private)),
        )
    };
    if i32::from(state) != state::LISTEN {
        return;
    }
    if let Some(bucket) = probe::<u32>(walk + u64::from(offset!(tcp_iter_state_bucket))) {
        put(seq, &PortRow::listener(bucket));
    }
}

/// Lists the sockets of a namespace in a bucket, as many as a run has steps for.
///
/// No lock is held: a socket that leaves the chain under the walk may lead into another one, which
/// its end tells (`hlist_nulls`); one that is used again has another namespace or none, or is a
/// connection of the same namespace.
#[inline(always)]
pub fn scan(net: u64, bucket: u32, cursor: u64) {
    let Some(page) = BUCKET_PAGE.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: one run at a time writes the page.
    unsafe {
        (*page).cursor = 0;
        (*page).count = 0;
        (*page).broken = 0;
        if offset!(tcp_iter_state_bucket) == NO_MEMBER {
            return;
        }
        (*page).broken = 1;
        let info = hashinfo(net);
        let mask: u32 = probe_or_zero(info + u64::from(offset!(inet_hashinfo_ehash_mask)));
        if bucket > mask {
            (*page).broken = 0;
            return;
        }
        let mut node = cursor;
        if cursor == 0 {
            let table: u64 = probe_or_zero(info + u64::from(offset!(inet_hashinfo_ehash)));
            let Some(first) = probe(table + 8 * u64::from(bucket)) else {
                return;
            };
            node = first;
        }
        // From the start of the socket to the node, of which `pprev` is the second member.
        let member = u64::from(offset!(sock_common_skc_nulls_node_pprev)) - 8;
        for step in 0..BUCKET_STEPS {
            // The end, which has the number of the bucket in its other bits.
            if node & 1 == 1 {
                break;
            }
            let socket = node - member;
            let same = probe(socket + u64::from(offset!(sock_common_skc_net))) == Some(net);
            let place = (&raw mut (*page).sockets).cast::<u64>().add(step);
            place.write(if same { socket } else { 0 });
            (*page).count = step as u32 + 1;
            let Some(next) = probe(node) else { return };
            node = next;
        }
        if node & 1 == 0 {
            (*page).cursor = node;
        } else if node >> 1 != u64::from(bucket) {
            return;
        }
        (*page).broken = 0;
    }
}

/// Looks at the socket at an address, for a census or the ports of a tuple.
#[inline(always)]
pub fn look_at(socket: u64) {
    let (Some(look), Some(walk)) = (LOOK.get_ptr_mut(0), WALK.get(0)) else {
        return;
    };
    // SAFETY: one run at a time writes the element.
    unsafe { (*look).local_port = 0 };
    let _ = fill(look, walk, socket);
}

#[inline(always)]
fn fill(look: *mut Look, walk: &WalkSettings, socket: u64) -> Option<()> {
    let mut copy = Common::at(socket);
    let common = copy.read()?;
    let state = common.state();
    if i32::from(state) == state::CLOSE || !hashed(socket) {
        return None;
    }
    let key = common.locate()?.key;
    let time_wait = i32::from(state) == state::TIME_WAIT;
    // SAFETY: one run at a time writes the element.
    unsafe {
        (*look).key = key;
        (*look).state = state;
        (*look).time_wait = time_wait.into();
        (*look).in_the_way = in_the_way(&key, &walk.wanted).into();
        (*look).reclaimable = 0;
        (*look).autobound = 0;
        if time_wait {
            (*look).state = probe(socket + u64::from(offset!(inet_timewait_sock_tw_substate)))?;
            (*look).reclaimable = reclaimable(socket, walk).into();
            (*look).autobound = mini_autobound(socket).into();
        } else if i32::from(state) != state::NEW_SYN_RECV {
            (*look).autobound = Probed(socket).autobound().into();
        }
        (*look).local_port = common.local_port();
    }
    Some(())
}

/// Takes the socket at an address into the set, or marks it as seen, as a walk would.
///
/// It is not locked: if it left the table between the look and the insert, its end was told to a set
/// that did not hold it yet. The instructions between `inet_unhash` being told and the table
/// letting go of it are left to the next sweep.
#[inline(always)]
pub fn track_at(socket: u64) {
    let mut connection = Connection::unknown();
    let Some(connection) = connection.look_at(socket) else {
        return;
    };
    let live = matches!(connection.phase, Phase::Live);
    if take_in(socket, Some(connection), false) && live && !hashed(socket) {
        leave(socket);
    }
}
