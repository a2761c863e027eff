//! Enter, leave, fail: the only code that changes a tuple's counters.
//!
//! A count is the size of a set. A socket is counted when its insert into `SOCKETS` succeeded and
//! uncounted when its delete did, so that an event seen twice, or by a hook and by a walk, or
//! without its counterpart, can't make a count drift.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_log_ebpf::warn;
use portwatch_common::{Class, EVENT_BURST, Level, Phase, RecordKind, Tracked, TupleEntry};

use crate::{
    atomic::{add_i32, increment_u64},
    emit,
    located::Located,
    maps::{CONTROL, HANDLED, SOCKETS, TUPLES, count},
    slots,
};

/// `include/uapi/asm-generic/errno-base.h`.
const ENOENT: i32 = 2;
const E2BIG: i32 = 7;
const ENOMEM: i32 = 12;
const EEXIST: i32 = 17;

/// A tuple's slot and counters.
#[derive(Clone, Copy)]
pub struct Tuple {
    pub slot: u32,
    pub entry: *mut TupleEntry,
}

/// Puts a socket into the set. None when it was there, or when there is no room for it.
#[inline(always)]
pub fn enter(socket: u64, located: &Located, tracked: Tracked) -> Option<Tuple> {
    insert(socket, slots::of(located)?, tracked)
}

/// Puts a socket of the tuple in this slot into the set.
#[inline(always)]
pub fn insert(socket: u64, slot: u32, mut tracked: Tracked) -> Option<Tuple> {
    let entry = TUPLES.get_ptr_mut(slot)?;
    tracked.tuple = slot;
    tracked.generation = CONTROL.get(0)?.generation;
    if !put(socket, entry, &tracked) {
        return None;
    }
    add(entry, &tracked, 1);
    Some(Tuple { slot, entry })
}

/// The bare insert. A set that is full is told of.
#[inline(always)]
fn put(socket: u64, entry: *mut TupleEntry, tracked: &Tracked) -> bool {
    match SOCKETS.insert(&socket, tracked, u64::from(BPF_NOEXIST)) {
        Ok(()) => true,
        Err(error) if error == -EEXIST => false,
        Err(error) if error != -E2BIG && error != -ENOMEM => {
            refused();
            false
        }
        Err(_) => {
            count!(sockets_full);
            // SAFETY: `entry` points to an element of `TUPLES`.
            unsafe { add_i32((&raw mut (*entry).untracked).cast(), 1) };
            warn!((), "no room to track a socket");
            false
        }
    }
}

/// Takes a socket out of the set. None when it was not there.
#[inline(always)]
pub fn leave(socket: u64) -> Option<(Tuple, Tracked)> {
    let tracked = take(socket)?;
    let entry = TUPLES.get_ptr_mut(tracked.tuple)?;
    add(entry, &tracked, -1);
    let tuple = Tuple {
        slot: tracked.tuple,
        entry,
    };
    calm(tuple);
    Some((tuple, tracked))
}

/// The bare delete.
#[inline(always)]
fn take(socket: u64) -> Option<Tracked> {
    // SAFETY: the value is copied at once. Events of one socket are serialised by its lock.
    let tracked = *unsafe { SOCKETS.get(&socket) }?;
    if let Err(error) = SOCKETS.remove(&socket) {
        if error != -ENOENT {
            refused();
        }
        return None;
    }
    Some(tracked)
}

/// The kernel replaces a connection by its TIME_WAIT mini-socket: the port goes on being used.
#[inline(always)]
pub fn transfer(socket: u64, mini: u64) {
    let Some(tracked) = take(socket) else { return };
    let Some(entry) = TUPLES.get_ptr_mut(tracked.tuple) else {
        return;
    };
    if tracked.class == Class::Autobound as u8 && tracked.phase != Phase::Failed as u8 {
        let time_wait = Tracked {
            phase: Phase::TimeWait as u8,
            stamp: tracked.opened(),
            // A walk under way can miss both: the connection has left, the mini-socket was not there.
            generation: CONTROL.get(0).map_or(0, |control| control.generation),
            ..tracked
        };
        let mut stands = put(mini, entry, &time_wait);
        if !stands && let Some((_, before)) = leave(mini) {
            if before.tuple != tracked.tuple || before.local_port != tracked.local_port {
                // The address belonged to a mini-socket whose end was missed. Else its timer had told
                // of this very one: it may be taken for that before it at the same address.
                count!(stale_replaced);
            }
            stands = put(mini, entry, &time_wait);
        }
        if stands {
            // SAFETY: `entry` points to an element of `TUPLES`.
            unsafe { add_i32(&raw mut (*entry).time_wait, 1) };
            return;
        }
    }
    add(entry, &tracked, -1);
    calm(Tuple {
        slot: tracked.tuple,
        entry,
    });
}

/// Counts a socket out that stays in the set as one whose search failed.
///
/// # Safety
///
/// `tracked` points to the socket's value in the set, and the socket is locked.
#[inline(always)]
pub unsafe fn count_out(tracked: *mut Tracked) -> Option<Tuple> {
    // SAFETY: by contract.
    let before = unsafe {
        let before = *tracked;
        (*tracked).phase = Phase::Failed as u8;
        before
    };
    let entry = TUPLES.get_ptr_mut(before.tuple)?;
    add(entry, &before, -1);
    let tuple = Tuple {
        slot: before.tuple,
        entry,
    };
    calm(tuple);
    Some(tuple)
}

/// The map of the set did not take a change, for it was being changed on this very CPU. The second
/// program of a state change is to try again.
#[inline(always)]
fn refused() {
    count!(refused);
    if let Some(handled) = HANDLED.get_ptr_mut(0) {
        // SAFETY: this CPU's own element.
        unsafe { handled.cast::<u64>().write_volatile(0) };
    }
}

/// Counts an attempt that failed, and tells of it as often as the rate limit allows. To the
/// verifier as `emit_tuple`.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn count_failure(slot: u32, kind: u32, port: u32) -> i32 {
    let Some(entry) = TUPLES.get_ptr_mut(slot) else {
        return 0;
    };
    // SAFETY: `entry` points to an element of `TUPLES`.
    let total = unsafe {
        let counter = if kind == RecordKind::Conflict as u32 {
            &raw mut (*entry).conflict
        } else {
            &raw mut (*entry).exhausted
        };
        increment_u64(counter);
        counter.read_volatile()
    };
    if emit::admit_tuple(entry, EVENT_BURST) {
        emit::emit_tuple(kind, slot, total, port, 0);
    }
    0
}

/// Raises the tuple's alert level when `used` has reached a threshold. Two CPUs that cross it at
/// once may both tell; the reader takes a level that it knows for no news.
#[inline(always)]
pub fn alarm(tuple: Tuple) {
    // SAFETY: `entry` points to an element of `TUPLES`.
    unsafe {
        let used = (&raw const (*tuple.entry).used).read_volatile();
        let level = (*tuple.entry).thresholds.level(used);
        if level as u16 <= (*tuple.entry).level {
            return;
        }
        (*tuple.entry).level = level as u16;
        let kind = match level {
            Level::Critical => RecordKind::Critical,
            _ => RecordKind::Warning,
        };
        tell_crossing(kind as u32, tuple.slot);
    }
}

/// Tells of a crossing, unless the tuple has crossed its thresholds too often of late: it may swing
/// around them with every connection. What is held back the user side tells when it sees the level
/// at its next looks. Failures alone never use up the room of crossings. To the verifier as
/// `emit_tuple`.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn tell_crossing(kind: u32, slot: u32) -> i32 {
    if let Some(entry) = TUPLES.get_ptr_mut(slot)
        && emit::admit_tuple(entry, 2 * EVENT_BURST)
    {
        return emit::emit_tuple(kind, slot, 0, 0, 0);
    }
    0
}

/// Ends the tuple's alert when `used` fell far enough; from critical it falls back to a warning
/// first, so that a second rise is told again.
#[inline(always)]
fn calm(tuple: Tuple) {
    // SAFETY: `entry` points to an element of `TUPLES`.
    unsafe {
        if (*tuple.entry).level == Level::Ok as u16 {
            return;
        }
        let used = (&raw const (*tuple.entry).used).read_volatile();
        let thresholds = (*tuple.entry).thresholds;
        if used < thresholds.recovered as i32 {
            (*tuple.entry).level = Level::Ok as u16;
            tell_crossing(RecordKind::Recovered as u32, tuple.slot);
        } else if used < thresholds.critical_over() as i32 {
            (*tuple.entry).level = Level::Warning as u16;
        }
    }
}

/// Adds a socket to its tuple's counters, or takes it away.
#[inline(always)]
fn add(entry: *mut TupleEntry, tracked: &Tracked, change: i32) {
    if tracked.phase == Phase::Failed as u8 {
        return;
    }
    // SAFETY: `entry` points to an element of `TUPLES`.
    unsafe {
        if tracked.class == Class::Bound as u8 {
            add_i32(&raw mut (*entry).bound, change);
            return;
        }
        if tracked.phase == Phase::TimeWait as u8 {
            add_i32(&raw mut (*entry).time_wait, change);
        }
        add_i32(&raw mut (*entry).used, change);
    }
}
