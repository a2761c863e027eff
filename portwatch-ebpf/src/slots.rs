//! The slot of a tuple in `TUPLES`: looked up, or taken at the first connection.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_log_ebpf::warn;
use portwatch_common::{NetnsSettings, Thresholds, TupleEntry, TupleKey};

use crate::{
    emit,
    kernel::{now, probe},
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
    take(&located.key, located.net)
}

#[inline(never)]
fn take(key: &TupleKey, net: u64) -> Option<u32> {
    let Ok(Some(slot)) = FREE_SLOTS.pop() else {
        count!(tuples_full);
        warn!((), "all tuple slots are taken");
        return None;
    };
    let settings = settings_of(key, net);
    let entry = fill(slot, key, settings.capacity)?;
    if TUPLE_SLOTS
        .insert(key, slot, u64::from(BPF_NOEXIST))
        .is_ok()
    {
        // Last of all: the user side takes a slot with a time for one that a tuple holds.
        // SAFETY: `entry` points to an element of `TUPLES`.
        unsafe { (&raw mut (*entry).created_ns).write_volatile(now()) };
        return Some(slot);
    }
    // Another CPU was faster with the same tuple, or the map refused: the slot goes back.
    let _ = FREE_SLOTS.push(slot, 0);
    // SAFETY: as in `of`.
    unsafe { TUPLE_SLOTS.get(key) }.copied()
}

/// Prepares a slot before anybody can find it.
#[inline(always)]
fn fill(slot: u32, key: &TupleKey, capacity: u32) -> Option<*mut TupleEntry> {
    let entry = TUPLES.get_ptr_mut(slot)?;
    let thresholds = Thresholds::new(
        capacity,
        config!(warning_permille: u32),
        config!(critical_permille: u32),
    );
    // SAFETY: the slot came from the stack of free ones, so nobody else uses the entry.
    unsafe {
        (*entry).key = *key;
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
    let stats = STATS.get_ptr_mut(0)?;
    // SAFETY: this CPU's own element.
    unsafe {
        if u64::from(slot) >= (*stats).tuple_high_water {
            (*stats).tuple_high_water = u64::from(slot) + 1;
        }
    }
    Some(entry)
}

/// What is known of the namespace. One that is new, or whose range is not the one known, is
/// announced to the user side, which then counts its reserved ports.
#[inline(always)]
fn settings_of(key: &TupleKey, net: u64) -> NetnsSettings {
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
        emit::new_netns(key, inum);
    }
    settings
}

/// `ip_local_port_range` of a `struct net`.
#[inline(always)]
pub fn range(net: u64) -> (u16, u16) {
    let address = net + u64::from(offset!(net_ip_local_ports_range));
    if offset!(net_ip_local_ports_range_is_array) == 1 {
        let [low, high] = probe::<[i32; 2]>(address).unwrap_or([0, 0]);
        (low as u16, high as u16)
    } else {
        let both: u32 = probe(address).unwrap_or(0);
        (both as u16, (both >> 16) as u16)
    }
}
