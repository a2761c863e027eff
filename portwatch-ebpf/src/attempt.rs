//! The life of an attempt to connect, as every hook set tells it: begin, search, result, end.
//!
//! Several hooks may tell of one step, in any number: each takes the socket from the state that it
//! finds, and a step told again changes nothing.

use portwatch_common::{Class, Phase, RecordKind, Tracked};

use crate::{
    accounting::{Tuple, alarm, count_failure, count_out, enter, leave},
    atomic::increment_u64,
    current,
    kernel::{IPPROTO_TCP, now, state},
    located::Located,
    maps::{CONTROL, FAILED, SOCKETS, count},
    opener, search,
    settings::offset,
    socket::Socket,
};

/// What is known of a socket that is about to search its port.
pub struct Attempt {
    located: Located,
    class: Class,
    source_port: u16,
    write_seq: u32,
}

impl Attempt {
    /// Before the search: a port that the socket has by now was bound.
    #[inline(always)]
    pub fn of(sk: impl Socket) -> Option<Self> {
        if sk.member::<u16>(offset!(sock_sk_protocol))? != IPPROTO_TCP {
            return None;
        }
        let port: u16 = sk.member(offset!(sock_common_skc_num))?;
        Some(Self {
            located: sk.locate()?,
            class: if port == 0 {
                Class::Autobound
            } else {
                Class::Bound
            },
            source_port: sk.member(offset!(inet_sock_inet_sport))?,
            write_seq: sk.member(offset!(tcp_sock_write_seq))?,
        })
    }
}

/// The attempt begins: `tcp_v4_connect` and `tcp_v6_connect` have set SYN_SENT, with the tuple
/// complete and the port still open.
#[inline(always)]
pub fn begin(socket: u64, attempt: &Attempt, search_began: u32) {
    let tracked = Tracked {
        tuple: 0,
        generation: 0,
        stamp: attempt.write_seq,
        search_began,
        local_port: attempt.source_port,
        phase: Phase::Connecting as u8,
        class: attempt.class as u8,
        opener: opener::note(),
    };
    let mut entered = enter(socket, &attempt.located, tracked);
    if entered.is_none() {
        // SAFETY: compared at once.
        let same = unsafe { SOCKETS.get(&socket) }.is_some_and(|it| it.same_attempt(&tracked));
        if same {
            return;
        }
        if let Some((_, before)) = leave(socket) {
            if before.phase != Phase::Failed as u8 {
                // The address belonged to a socket whose end was missed.
                count!(stale_replaced);
            }
            entered = enter(socket, &attempt.located, tracked);
        }
    }
    let Some(tuple) = entered else { return };
    if matches!(attempt.class, Class::Autobound) {
        // SAFETY: `entry` points to an element of `TUPLES`.
        unsafe { increment_u64(&raw mut (*tuple.entry).opened) };
        alarm(tuple);
    }
}

/// The port search begins (`inet_hash_connect`), right behind [`begin`].
#[inline(always)]
pub fn search_begins(sk: impl Socket) {
    let began = now() as u32 | 1;
    let socket = sk.address();
    if let Some(tracked) = SOCKETS.get_ptr_mut(&socket) {
        // SAFETY: connect(2) holds the socket's lock, so that nothing else changes its entry.
        unsafe {
            if (*tracked).phase == Phase::Connecting as u8 && (*tracked).search_began == 0 {
                (*tracked).search_began = began;
                return;
            }
        }
    }
    begin_late(sk, began);
}

/// Begins an attempt whose begin was missed.
#[inline(never)]
fn begin_late(sk: impl Socket, search_began: u32) {
    if let Some(attempt) = Attempt::of(sk) {
        begin(sk.address(), &attempt, search_began);
    }
}

/// The search found a port, or the bound port would do.
#[inline(always)]
pub fn search_succeeded(sk: impl Socket) {
    let socket = sk.address();
    let Some(port) = sk.member::<u16>(offset!(sock_common_skc_num)) else {
        return;
    };
    if let Some(tracked) = SOCKETS.get_ptr_mut(&socket) {
        // SAFETY: as in `search_begins`.
        unsafe {
            if (*tracked).phase == Phase::Connecting as u8 {
                search::measured(tracked);
                goes_live(tracked, port);
            }
        }
        return;
    }
    heal(sk, port);
}

/// A socket that was connecting has its port.
///
/// # Safety
///
/// `tracked` points to the socket's value in the set, and the socket is locked.
#[inline(always)]
pub unsafe fn goes_live(tracked: *mut Tracked, port: u16) {
    let second = CONTROL.get(0).map_or(0, |control| control.second);
    // SAFETY: by contract.
    unsafe {
        (*tracked).local_port = port;
        (*tracked).stamp = second;
        (*tracked).phase = Phase::Live as u8;
    }
}

/// Takes in a connection whose begin was missed.
#[inline(never)]
pub fn heal(sk: impl Socket, port: u16) -> Option<()> {
    if sk.member::<u16>(offset!(sock_sk_protocol))? != IPPROTO_TCP || !sk.autobound() {
        return None;
    }
    let located = sk.locate()?;
    let tuple = enter(sk.address(), &located, Tracked::new(port, Phase::Live))?;
    // SAFETY: `entry` points to an element of `TUPLES`.
    unsafe { increment_u64(&raw mut (*tuple.entry).opened) };
    count!(healed);
    Some(())
}

/// What the search ended with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// EADDRNOTAVAIL: no port, or the bound port has this very connection already.
    NoPort,
    /// Anything else, which is want of memory.
    NoMemory,
}

/// The search found nothing. Counted once, whoever tells first.
#[inline(never)]
pub fn search_failed(sk: impl Socket, failure: Failure) {
    let socket = sk.address();
    // SAFETY: compared at once.
    let phase = unsafe { SOCKETS.get(&socket) }.map(|tracked| tracked.phase);
    if phase == Some(Phase::Failed as u8) {
        return;
    }
    if phase != Some(Phase::Connecting as u8) {
        begin_late(sk, 0);
    }
    let Some(tracked) = SOCKETS.get_ptr_mut(&socket) else {
        return;
    };
    // SAFETY: as in `search_begins`.
    unsafe {
        search::measured(tracked);
        let (class, port) = ((*tracked).class, (*tracked).local_port);
        let Some(tuple) = count_out(tracked) else {
            return;
        };
        match failure {
            Failure::NoPort => tell(tuple, class, port),
            Failure::NoMemory => count!(no_memory),
        }
    }
}

/// Counts a failed search, and marks the thread for the return of its connect(2).
#[inline(always)]
pub fn tell(tuple: Tuple, class: u8, source_port: u16) {
    let _ = FAILED.insert(current::thread(), [u64::from(tuple.slot), now()], 0);
    count(tuple, class, u16::from_be(source_port));
}

/// Counts a failed search, of a conflict with the port that was bound.
#[inline(always)]
pub fn count(tuple: Tuple, class: u8, port: u16) {
    let (kind, port) = if class == Class::Bound as u8 {
        (RecordKind::Conflict, port)
    } else {
        (RecordKind::Exhausted, 0)
    };
    count_failure(tuple.slot, kind as u32, port.into());
}

/// `inet_unhash`: the connection is about to leave the kernel's list. The function is also called
/// when the search has failed, for a socket that never was in the list.
#[inline(always)]
pub fn unhash(sk: impl Socket) {
    let linked = sk.member::<u64>(offset!(sock_common_skc_nulls_node_pprev));
    let state = sk.member::<u8>(offset!(sock_common_skc_state));
    if linked == Some(0) && state == Some(state::SYN_SENT as u8) {
        search_failed(sk, Failure::NoPort);
    } else {
        leave(sk.address());
    }
}
