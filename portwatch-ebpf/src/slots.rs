//! The slot of a tuple in `TUPLES`: looked up, or taken at the first connection.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_log_ebpf::warn;
use portwatch_common::{NetnsSettings, Thresholds, TupleEntry, TupleKey};

use crate::{
    emit,
    kernel::{now, probe, probe_or_zero},
    located::Located,
    maps::{FREE_SLOTS, NETNS, STATS, TUPLE_SLOTS, TUPLES, count},
    settings::{config, offset},
};

/// The slot of a tuple; none when all slots are taken.
#[inline(always)]
pub fn of(located: &Located) -> Option<u32> {
    // SAFETY: the value is copied at once; a slot never changes while its key stands.
    if let Some(slot) = unsafe { TUPLE_SLOTS.get(&located.key) } {
        return Some(*slot);
    }
    let Ok(Some(slot)) = FREE_SLOTS.pop() else {
        count!(tuples_full);
        warn!((), "all tuple slots are taken");
        return None;
    };
    let entry = TUPLES.get_ptr_mut(slot)?;
    // SAFETY: the slot came from the stack of free ones, so nobody else uses the entry.
    unsafe {
        (*entry).key = located.key;
        // Through memory, which makes a plain number of what the verifier knows as a pointer.
        (*entry).opened = located.net;
    }
    u32::try_from(claim_slot(slot)).ok()
}

/// Gives a free slot to the tuple whose key is written into it, and in the place of `opened` the
/// address of its `struct net`. Returns the slot that the tuple has then, which is another one if
/// another CPU was faster; below zero when it has none. To the verifier as `emit_tuple`.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn claim_slot(slot: u32) -> i64 {
    let Some(entry) = TUPLES.get_ptr_mut(slot) else {
        return -1;
    };
    // SAFETY: the entry is the caller's alone until its key is in the map, and stays valid.
    let (key, net) = unsafe { (&(*entry).key, (*entry).opened) };
    let settings = settings_of(key, net);
    fill(entry, settings.capacity);
    note_high_water(slot);
    if TUPLE_SLOTS
        .insert(key, slot, u64::from(BPF_NOEXIST))
        .is_ok()
    {
        // Last of all: the user side takes a slot with a time for one that a tuple holds.
        // SAFETY: `entry` points to an element of `TUPLES`.
        unsafe { (&raw mut (*entry).created_ns).write_volatile(now()) };
        return slot.into();
    }
    // SAFETY: as in `of`.
    let faster = unsafe { TUPLE_SLOTS.get(key) }.map_or(-1, |slot| i64::from(*slot));
    let _ = FREE_SLOTS.push(slot, 0);
    faster
}

/// Prepares a slot before anybody can find it.
#[inline(always)]
fn fill(entry: *mut TupleEntry, capacity: u32) {
    let thresholds = Thresholds::new(
        capacity,
        config!(warning_permille: u32),
        config!(critical_permille: u32),
    );
    // SAFETY: the entry is the caller's alone.
    unsafe {
        (*entry).created_ns = 0;
        (*entry).opened = 0;
        (*entry).exhausted = 0;
        (*entry).conflict = 0;
        (*entry).window = 0;
        (*entry).search_max_ns = 0;
        (*entry).used = 0;
        (*entry).time_wait = 0;
        (*entry).bound = 0;
        (*entry).capacity = capacity;
        (*entry).thresholds = thresholds;
        (*entry).level = 0;
        (*entry).slow = 0;
        (*entry).window_events = 0;
        (*entry).untracked = 0;
    }
}

#[inline(always)]
fn note_high_water(slot: u32) {
    if let Some(stats) = STATS.get_ptr_mut(0) {
        // SAFETY: this CPU's own element.
        unsafe {
            if u64::from(slot) >= (*stats).tuple_high_water {
                (*stats).tuple_high_water = u64::from(slot) + 1;
            }
        }
    }
}

/// What is known of the namespace. One that is new, or whose range is not the one known, is
/// announced to the user side, which then counts its reserved ports.
#[inline(always)]
pub fn settings_of(key: &TupleKey, net: u64) -> NetnsSettings {
    let (low, high) = range(net);
    // SAFETY: the value is copied at once.
    if let Some(settings) = unsafe { NETNS.get(&key.netns) }.copied()
        && settings.low == low
        && settings.high == high
    {
        return settings;
    }
    let inum: u32 = probe(net + u64::from(offset!(net_ns_inum))).unwrap_or(0);
    let capacity = (u32::from(high) + 1).saturating_sub(u32::from(low));
    let settings = NetnsSettings {
        inum,
        capacity,
        low,
        high,
    };
    if NETNS.insert(&key.netns, settings, 0).is_ok() {
        emit::emit_new_netns(key.netns, inum);
    }
    settings
}

/// `ip_local_port_range` of a `struct net`.
#[inline(always)]
pub fn range(net: u64) -> (u16, u16) {
    let address = net + u64::from(offset!(net_ip_local_ports_range));
    if offset!(net_ip_local_ports_range_is_array) == 1 {
        let [low, high]: [i32; 2] = probe_or_zero(address);
        (low as u16, high as u16)
    } else {
        let both: u32 = probe_or_zero(address);
        (both as u16, (both >> 16) as u16)
    }
}
