//! The slots of tuples: handed to the kernel side, and taken back when a tuple has gone quiet.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use aya::maps::{HashMap as BpfHashMap, MapData, Stack};
use portwatch_common::{SLOTS_A_RUN, Stats, TupleEntry, TupleKey};

use super::{TracerError, object::Object, pod::Plain, table::Table};

/// A tuple without connections keeps its slot, and with it its totals, for this long.
const IDLE: Duration = Duration::from_secs(60);
/// The same in a namespace that is gone: long enough for the last look at its failures.
const IDLE_IN_GONE: Duration = Duration::from_secs(3);
/// Looks of the event side that a tuple stays for at least: the last failures of a storm are told
/// at the second.
const LOOKS: u32 = 3;

/// Who holds which slot.
pub(super) struct Slots {
    by_key: BpfHashMap<MapData, Plain<TupleKey>, u32>,
    free: Stack<MapData, u32>,
    quiet: HashMap<u32, Quiet>,
    leaving: Vec<(u32, TupleEntry)>,
    idle: Duration,
    idle_in_gone: Duration,
}

/// A tuple without connections.
struct Quiet {
    since: Instant,
    done: Done,
}

/// What changes when anything happens in a slot.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Done {
    created_ns: u64,
    opened: u64,
    exhausted: u64,
    conflict: u64,
}

impl Done {
    fn of(entry: &TupleEntry) -> Self {
        let TupleEntry {
            created_ns,
            opened,
            exhausted,
            conflict,
            ..
        } = *entry;
        Self {
            created_ns,
            opened,
            exhausted,
            conflict,
        }
    }
}

impl Slots {
    /// Takes the maps and gives every slot to the kernel side, the lowest on top of the stack, so
    /// that the slots in use lie close together. The program `free_slots` must be loaded. `interval` is the time between two looks at the
    /// counters.
    ///
    /// # Errors
    /// When a map refuses.
    pub fn new(object: &mut Object, count: u32, interval: Duration) -> Result<Self, TracerError> {
        let mut left = count;
        while left >= SLOTS_A_RUN {
            object.run("free_slots", &[u64::from(left) - 1])?;
            left -= SLOTS_A_RUN;
        }
        let mut free: Stack<_, u32> = object.take_map("FREE_SLOTS")?;
        for slot in (0..left).rev() {
            free.push(slot, 0)
                .map_err(|error| TracerError::from_aya("filling the map FREE_SLOTS", &error))?;
        }
        Ok(Self {
            by_key: object.take_map("TUPLE_SLOTS")?,
            free,
            quiet: HashMap::new(),
            leaving: Vec::new(),
            idle: IDLE.max(interval.saturating_mul(LOOKS)),
            idle_in_gone: IDLE_IN_GONE.max(interval.saturating_mul(LOOKS)),
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
        stats: &Stats,
        now: Instant,
        gone: impl Fn(u64) -> bool,
    ) -> HashSet<u64> {
        self.finish(table);
        let mut namespaces = HashSet::new();
        for (slot, entry) in table.held(stats) {
            namespaces.insert(entry.key.netns);
            if !empty(&entry) {
                self.quiet.remove(&slot);
                continue;
            }
            let done = Done::of(&entry);
            let quiet = self.quiet.entry(slot).or_insert(Quiet { since: now, done });
            if quiet.done != done {
                *quiet = Quiet { since: now, done };
            }
            let idle = if gone(entry.key.netns) {
                self.idle_in_gone
            } else {
                self.idle
            };
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
            if empty(&entry) && Done::of(&entry) == Done::of(&before) {
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

fn empty(entry: &TupleEntry) -> bool {
    entry.used <= 0 && entry.time_wait <= 0 && entry.bound <= 0
}

/// Waits until every BPF program that is running now has ended: they run inside RCU read-side
/// sections, and this is `synchronize_rcu` (kernel/sched/membarrier.c). Where the kernel has no
/// membarrier(2), the second since the previous call has to do.
fn wait_for_programs() {
    const MEMBARRIER_CMD_GLOBAL: libc::c_int = 1;
    // SAFETY: takes two numbers and touches no memory.
    let _ = unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0) };
}
