//! Events into the ring buffer.

use aya_ebpf::maps::ring_buf::RingBufEntry;
use portwatch_common::{EVENT_WINDOW_SHIFT, Record, RecordKind, TupleEntry, TupleKey};

use crate::{
    current,
    kernel::now,
    maps::{EVENTS, NETNS, count},
};

/// Reserves a record and fills in what every kind has: time, kind, tuple, namespace.
#[inline(always)]
fn begin(kind: RecordKind, key: &TupleKey, slot: u32) -> Option<RingBufEntry<Record>> {
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
        (*record).kind = kind as u32;
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

/// What an event of a tuple tells beside the tuple's counters.
#[derive(Clone, Copy, Default)]
pub struct Details {
    pub total: u64,
    pub local_port: u16,
    pub search_ns: u32,
}

/// A threshold crossing, a failure or slow searches of a tuple.
#[inline(never)]
pub fn tuple(kind: RecordKind, slot: u32, entry: *const TupleEntry, details: &Details) {
    // SAFETY: `entry` points to an element of `TUPLES`; its key does not change while it is used.
    let Some(mut reserved) = begin(kind, unsafe { &(*entry).key }, slot) else {
        return;
    };
    let record = reserved.as_mut_ptr();
    // SAFETY: as in `begin`.
    unsafe {
        (*record).total = details.total;
        (*record).used = (&raw const (*entry).used).read_volatile();
        (*record).time_wait = (&raw const (*entry).time_wait).read_volatile();
        (*record).capacity = (*entry).capacity;
        (*record).local_port = details.local_port;
        (*record).search_ns = details.search_ns;
        // A recovery happens wherever the last release does, often in an interrupt on top of
        // somebody else's task.
        if !matches!(kind, RecordKind::Recovered) {
            current::describe(record);
        }
    }
    reserved.submit(0);
}

/// A connect(2) that failed for want of a source address.
#[inline(never)]
pub fn no_source_address(key: &TupleKey, total: u64) {
    let Some(mut reserved) = begin(RecordKind::NoSourceAddress, key, u32::MAX) else {
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

/// A namespace that the user side does not know yet.
#[inline(never)]
pub fn new_netns(key: &TupleKey, inum: u32) {
    let Some(mut reserved) = begin(RecordKind::NewNetns, key, u32::MAX) else {
        return;
    };
    let record = reserved.as_mut_ptr();
    // SAFETY: as in `begin`.
    unsafe {
        (*record).netns_inum = inum;
        current::describe(record);
    }
    reserved.submit(0);
}

/// True while this window has had fewer than `most` events. Two CPUs can both take the last place:
/// the limit is there to spare the reader, counts do not depend on it.
#[inline(always)]
pub fn admit_tuple(entry: *mut TupleEntry, most: u32) -> bool {
    let window = (now() >> EVENT_WINDOW_SHIFT) as u32;
    // SAFETY: `entry` points to an element of `TUPLES`.
    unsafe {
        if (*entry).window != window {
            (*entry).window = window;
            (*entry).window_events = 0;
        }
        if (*entry).window_events >= most {
            return false;
        }
        (*entry).window_events += 1;
    }
    true
}
