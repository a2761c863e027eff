//! `inet_sock_set_state`: every hook set has it, alone or beside others.

use core::ffi::c_void;

use portwatch_common::Phase;

use crate::{
    accounting::leave,
    attempt::{self, Attempt},
    hooks::timer,
    kernel::state,
    maps::{HANDLED, SOCKETS},
    settings::offset,
    socket::{Socket, Typed},
    unseen,
};

/// `inet_sock_set_state`, fired by `tcp_set_state` and for request sockets.
#[inline(always)]
pub fn set_state(sk: *const c_void, old: i32, new: i32) {
    if !matters(old, new) {
        return;
    }
    if let Some(handled) = HANDLED.get_ptr_mut(0) {
        // SAFETY: this CPU's own element. An interrupt that writes its own change here makes the
        // second program do this one's work again, which changes nothing.
        unsafe { *handled = [sk as u64, new as u64] };
    }
    change(sk, old, new, true);
}

/// Runs right behind [`set_state`] and does its work if that was skipped.
#[inline(always)]
pub fn set_state_again(sk: *const c_void, old: i32, new: i32) {
    if !matters(old, new) {
        return;
    }
    if let Some(handled) = HANDLED.get_ptr_mut(0) {
        let handled = handled.cast::<u64>();
        // SAFETY: as in `set_state`. The two comparisons stay two: folded into one they would be
        // arithmetic on a pointer, which the verifier refuses.
        unsafe {
            if handled.read_volatile() == sk as u64 && handled.add(1).read_volatile() == new as u64
            {
                handled.write_volatile(0);
                return;
            }
        }
    }
    change(sk, old, new, false);
}

/// Whether a change of state concerns a connection that connect(2) makes.
#[inline(always)]
const fn matters(old: i32, new: i32) -> bool {
    new == state::SYN_SENT || new == state::CLOSE || old == state::SYN_SENT
}

/// `first`: whether this can't be a repetition.
#[inline(always)]
fn change(sk: *const c_void, old: i32, new: i32, first: bool) {
    match (old, new) {
        (_, state::SYN_SENT) => connecting(sk),
        (state::SYN_SENT, state::CLOSE) => connect_ended(sk, first),
        (_, state::CLOSE) => closed(sk),
        (state::SYN_SENT, _) => connected(sk),
        _ => {}
    }
}

/// `tcp_v4_connect` and `tcp_v6_connect` set SYN_SENT before the port search.
#[inline(always)]
fn connecting(sk: *const c_void) {
    let Some(sk) = Typed::new(sk) else { return };
    if let Some(attempt) = Attempt::of(sk) {
        attempt::begin(sk.address(), &attempt, 0);
    }
}

/// SYN_SENT to ESTABLISHED or SYN_RECV: the local port is known.
#[inline(always)]
fn connected(sk: *const c_void) {
    let Some(sk) = Typed::new(sk) else { return };
    let Some(port) = sk.member::<u16>(offset!(sock_common_skc_num)) else {
        return;
    };
    if let Some(tracked) = SOCKETS.get_ptr_mut(&sk.address()) {
        // SAFETY: the entry stays while the socket's lock is held, which this transition needs.
        unsafe {
            if (*tracked).phase == Phase::Connecting as u8 {
                attempt::goes_live(tracked, port);
            }
        }
        return;
    }
    attempt::heal(sk, port);
}

/// SYN_SENT to CLOSE: refused, timed out, given up, or never sent.
///
/// A search that found nothing leaves the source port and the sequence number as they were. The
/// port alone would not do: a socket used again may get the port that it had before and fail for
/// another reason. But before any such failure `tcp_connect` has built the SYN, which takes a
/// sequence number.
#[inline(always)]
fn connect_ended(sk: *const c_void, first: bool) {
    let Some((tuple, tracked)) = leave(sk as u64) else {
        if first && let Some(sk) = Typed::new(sk) {
            unseen::closed(sk);
        }
        return;
    };
    if tracked.phase != Phase::Connecting as u8 {
        return;
    }
    let Some(sk) = Typed::new(sk) else { return };
    if sk.member(offset!(inet_sock_inet_sport)) == Some(tracked.local_port)
        && sk.member(offset!(tcp_sock_write_seq)) == Some(tracked.stamp)
    {
        attempt::tell(tuple, tracked.class, tracked.local_port);
    }
}

/// Any other state to CLOSE.
#[inline(always)]
fn closed(sk: *const c_void) {
    if let Some((_, tracked)) = leave(sk as u64) {
        timer::closed(&tracked);
    }
}
