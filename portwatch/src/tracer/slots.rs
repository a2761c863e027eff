//! The slots of tuples: handed to the kernel side, and taken back when a tuple has gone quiet.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use aya::maps::{HashMap as BpfHashMap, MapData, Stack};
use portwatch_common::{TupleEntry, TupleKey};

use super::{TracerError, object::Object, pod::Plain, table::Table};

/// A tuple without connections keeps its slot, and with it its totals, for this long at least.
const IDLE: Duration = Duration::from_secs(60);
/// The same in a namespace that is gone.
const IDLE_IN_GONE: Duration = Duration::from_secs(3);
/// Looks at the counters that a slot is kept for in any case: what is owed of its last failures is
/// told at the second.
const LOOKS: u32 = 3;

/// Who holds which slot.
pub(super) struct Slots {
    by_key: BpfHashMap<MapData, Plain<TupleKey>, u32>,
    free: Stack<MapData, u32>,
    /// Time between two looks at the counters.
    interval: Duration,
    quiet: HashMap<u32, Quiet>,
    leaving: Vec<(u32, TupleEntry)>,
}

/// A tuple without connections.
struct Quiet {
    since: Instant,
    /// What tells that something happened in between: the slot's life, and its attempts.
    created_ns: u64,
    attempts: u64,
}

impl Slots {
    /// Takes the maps and gives every slot to the kernel side, the lowest on top of the stack, so
    /// that the slots in use lie close together.
    ///
    /// # Errors
    /// When a map refuses.
    pub fn new(object: &mut Object, count: u32, interval: Duration) -> Result<Self, TracerError> {
        let mut free: Stack<_, u32> = object.take_map("FREE_SLOTS")?;
        for slot in (0..count).rev() {
            free.push(slot, 0)
                .map_err(|error| TracerError::from_aya("filling the map FREE_SLOTS", &error))?;
        }
        Ok(Self {
            by_key: object.take_map("TUPLE_SLOTS")?,
            free,
            interval,
            quiet: HashMap::new(),
            leaving: Vec::new(),
        })
    }

    /// Takes back the slots of tuples that have been quiet for long. `gone` tells whether a
    /// namespace does not exist any more. To be called about once a second; the cookies of the
    /// namespaces that still have a slot come back.
    ///
    /// A program may have looked a slot up just before its key is deleted, and enter a socket just
    /// after. So a slot rests after the delete until every program that ran then has ended, and
    /// is given away only if it is still empty; else it goes back to its key, or, when the tuple
    /// has taken a new slot meanwhile, stays with its last connections until they end.
    pub fn retire(
        &mut self,
        table: &Table,
        high_water: u32,
        now: Instant,
        gone: impl Fn(u64) -> bool,
    ) -> HashSet<u64> {
        self.finish(table);
        let mut namespaces = HashSet::new();
        for slot in 0..high_water {
            let Some(entry) = table.entry(slot).filter(|entry| entry.created_ns != 0) else {
                continue;
            };
            namespaces.insert(entry.key.netns);
            if !empty(&entry) {
                self.quiet.remove(&slot);
                continue;
            }
            let quiet = self
                .quiet
                .entry(slot)
                .or_insert_with(|| Quiet::new(&entry, now));
            if !quiet.still(&entry) {
                *quiet = Quiet::new(&entry, now);
            }
            let idle = if gone(entry.key.netns) {
                IDLE_IN_GONE
            } else {
                IDLE
            };
            let idle = idle.max(self.interval.saturating_mul(LOOKS));
            if now.duration_since(quiet.since) >= idle {
                self.quiet.remove(&slot);
                // A slot that waits for its last connections has no key, or another slot's.
                if matches!(self.by_key.get(&Plain(entry.key), 0), Ok(held) if held == slot) {
                    let _ = self.by_key.remove(&Plain(entry.key));
                }
                self.leaving.push((slot, entry));
            }
        }
        namespaces
    }

    /// Gives away the slots whose keys were deleted at the previous call.
    fn finish(&mut self, table: &Table) {
        if self.leaving.is_empty() {
            return;
        }
        wait_for_programs();
        for (slot, before) in std::mem::take(&mut self.leaving) {
            let Some(entry) = table.entry(slot) else {
                continue;
            };
            if empty(&entry) && attempts(&entry) == attempts(&before) {
                table.vacate(slot);
                // A full stack can't be: the slot came from it.
                let _ = self.free.push(slot, 0);
            } else {
                const BPF_NOEXIST: u64 = 1;
                let _ = self.by_key.insert(Plain(entry.key), slot, BPF_NOEXIST);
            }
        }
    }
}

impl Quiet {
    fn new(entry: &TupleEntry, since: Instant) -> Self {
        Self {
            since,
            created_ns: entry.created_ns,
            attempts: attempts(entry),
        }
    }

    fn still(&self, entry: &TupleEntry) -> bool {
        self.created_ns == entry.created_ns && self.attempts == attempts(entry)
    }
}

/// Attempts to connect that a tuple has seen. A conflict leaves no other trace: the attempt comes
/// from a bound port, which `opened` does not count, and is over between two looks.
fn attempts(entry: &TupleEntry) -> u64 {
    entry.opened.wrapping_add(entry.conflict)
}

fn empty(entry: &TupleEntry) -> bool {
    entry.used == 0 && entry.time_wait == 0 && entry.bound == 0
}

/// Waits until every BPF program that is running now has ended: they run inside RCU read-side
/// sections, and this is `synchronize_rcu` (kernel/sched/membarrier.c). Where the kernel has no
/// membarrier(2), the second since the previous call has to do.
fn wait_for_programs() {
    const MEMBARRIER_CMD_GLOBAL: libc::c_int = 1;
    // SAFETY: takes two numbers and touches no memory.
    let _ = unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0) };
}
