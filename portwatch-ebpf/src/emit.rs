//! Events into the ring buffer.

use aya_ebpf::maps::ring_buf::RingBufEntry;
use portwatch_common::{EVENT_WINDOW_SHIFT, Record, RecordKind, TupleEntry, TupleKey};

use crate::{
    current,
    kernel::now,
    maps::{EVENTS, NETNS, TUPLES, count},
};

/// Reserves a record and fills in what every kind has: time, kind, tuple, namespace.
#[inline(always)]
fn begin(kind: u32, key: &TupleKey, slot: u32) -> Option<RingBufEntry<Record>> {
    let Some(mut entry) = EVENTS.reserve(0) else {
        count!(lost_events);
        return None;
    };
    let record = entry.as_mut_ptr();
    // SAFETY: the value is copied at once.
    let inum = unsafe { NETNS.get(&key.netns) }.map_or(0, |settings| settings.inum);
    // SAFETY: the entry is one whole `Record`, every byte of which is written before it is
    // submitted.
    unsafe {
        (*record).time_ns = now();
        (*record).key = *key;
        (*record).total = 0;
        (*record).kind = kind;
        (*record).tuple = slot;
        (*record).pid = 0;
        (*record).tid = 0;
        (*record).uid = 0;
        (*record).used = 0;
        (*record).time_wait = 0;
        (*record).capacity = 0;
        (*record).netns_inum = inum;
        (*record).search_ns = 0;
        (*record).local_port = 0;
        (*record).reserved = [0; 3];
        (*record).comm = [0; 16];
    }
    Some(entry)
}

/// A threshold crossing, a failure or slow searches of the tuple in this slot. `total`: failures of
/// this kind so far; `local_port`: of a conflict; `search_ns`: of a slow search.
///
/// A function of its own to the verifier, too, which then looks at it once and not at every place
/// that calls it. Such a function takes numbers only.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn emit_tuple(
    kind: u32,
    slot: u32,
    total: u64,
    local_port: u32,
    search_ns: u32,
) -> i32 {
    let Some(entry) = TUPLES.get_ptr_mut(slot) else {
        return 0;
    };
    // SAFETY: `entry` points to an element of `TUPLES`; its key does not change while it is used.
    let Some(mut reserved) = begin(kind, unsafe { &(*entry).key }, slot) else {
        return 0;
    };
    let record = reserved.as_mut_ptr();
    // SAFETY: as in `begin`.
    unsafe {
        (*record).total = total;
        (*record).used = (&raw const (*entry).used).read_volatile();
        (*record).time_wait = (&raw const (*entry).time_wait).read_volatile();
        (*record).capacity = (*entry).capacity;
        (*record).local_port = local_port as u16;
        (*record).search_ns = search_ns;
        // A recovery happens wherever the last release does, often in an interrupt on top of
        // somebody else's task.
        if kind != RecordKind::Recovered as u32 {
            current::describe(record);
        }
    }
    reserved.submit(0);
    1
}

/// A failure that belongs to no tuple. `total`: such failures so far.
#[inline(never)]
pub fn emit_failure(kind: u32, key: &TupleKey, total: u64) {
    let Some(mut reserved) = begin(kind, key, u32::MAX) else {
        return;
    };
    let record = reserved.as_mut_ptr();
    // SAFETY: as in `begin`.
    unsafe {
        (*record).total = total;
        current::describe(record);
    }
    reserved.submit(0);
}

/// A namespace that the user side does not know yet, by its key and inode number. To the verifier
/// as [`emit_tuple`].
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn emit_new_netns(netns: u64, inum: u32) -> i32 {
    let key = TupleKey {
        netns,
        local: [0; 2],
        peer: [0; 2],
        bound_dev: 0,
        peer_port: 0,
        reserved: 0,
    };
    let Some(mut reserved) = begin(RecordKind::NewNetns as u32, &key, u32::MAX) else {
        return 0;
    };
    let record = reserved.as_mut_ptr();
    // SAFETY: as in `begin`.
    unsafe {
        (*record).netns_inum = inum;
        current::describe(record);
    }
    reserved.submit(0);
    1
}

/// True while the tuple's window has had fewer than `most` events.
#[inline(always)]
pub fn admit_tuple(entry: *mut TupleEntry, most: u32) -> bool {
    // SAFETY: `entry` points to an element of `TUPLES`.
    unsafe {
        admit(
            &raw mut (*entry).window,
            &raw mut (*entry).window_events,
            most,
        )
    }
}

/// True while this window has had fewer than `most` events. Two CPUs can both take the last place:
/// the limit is there to spare the reader, counts do not depend on it.
///
/// # Safety
///
/// `start` and `events` point to members of a map's value.
#[inline(always)]
pub unsafe fn admit(start: *mut u32, events: *mut u32, most: u32) -> bool {
    let window = (now() >> EVENT_WINDOW_SHIFT) as u32;
    // SAFETY: by contract.
    unsafe {
        if *start != window {
            *start = window;
            *events = 0;
        }
        if *events >= most {
            return false;
        }
        *events += 1;
    }
    true
}
