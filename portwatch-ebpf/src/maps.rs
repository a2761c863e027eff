//! The maps. Sizes are defaults that the loader overrides from the command line.

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    btf_maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf, Stack},
    macros::btf_map,
};
use portwatch_common::{
    BIND_NAMESPACES, BindFailures, BucketPage, Census, Control, Look, NetnsPage, NetnsSettings,
    PortsPage, Record, ReservedPorts, Stats, Tracked, TupleEntry, TupleKey, WalkSettings,
};

use crate::hooks::timer::Timers;

const MMAPABLE: usize = BPF_F_MMAPABLE as usize;

/// The set of tracked sockets, keyed by the socket's address.
#[btf_map]
pub static SOCKETS: HashMap<u64, Tracked, 262_144> = HashMap::new();

/// Counters by slot. Mapped into the user side's memory, which reads them without a system call.
#[btf_map]
pub static TUPLES: Array<TupleEntry, 65_536, MMAPABLE> = Array::new();

/// The slot of each tuple.
#[btf_map]
pub static TUPLE_SLOTS: HashMap<TupleKey, u32, 65_536> = HashMap::new();

/// Slots that hold no tuple. Filled by the user side.
#[btf_map]
pub static FREE_SLOTS: Stack<u32, 65_536> = Stack::new();

/// Settings by namespace cookie. Kept current by the user side.
#[btf_map]
pub static NETNS: HashMap<u64, NetnsSettings, 16_384> = HashMap::new();

/// Events for the user side.
#[btf_map]
pub static EVENTS: RingBuf<Record, 262_144> = RingBuf::new();

/// Failed port searches whose connect(2) has not returned yet, by thread: slot of the tuple, and
/// when. An LRU map, because a search inside another system call (sendto with MSG_FASTOPEN, io_uring) leaves its mark behind.
#[btf_map]
pub static FAILED: LruHashMap<u64, [u64; 2], 4_096> = LruHashMap::new();

/// Command names of the processes that open connections: those that end leave TIME_WAIT behind.
#[btf_map]
pub static OPENERS: LruHashMap<u32, [u64; 2], 8_192> = LruHashMap::new();

/// The process that connected last on this CPU.
#[btf_map]
pub static LAST_OPENER: PerCpuArray<u64, 1> = PerCpuArray::new();

/// The state change that `inet_sock_set_state` handled last on this CPU: socket and new state.
#[btf_map]
pub static HANDLED: PerCpuArray<[u64; 2], 1> = PerCpuArray::new();

/// CPUs that [`ENDING`] tells apart; more share its elements, which makes it a little less sure.
pub const ENDING_CPUS: u32 = 64;

/// The mini-socket whose end `timer_cancel` was told of last, by CPU. The tracepoint fires before
/// the timer looks cancelled (`detach_timer`); in between, this is what tells.
#[btf_map]
pub static ENDING: Array<u64, { ENDING_CPUS as usize }> = Array::new();

/// What `timer_start` and `timer_cancel` remember on this CPU.
#[btf_map]
pub static TIMERS: PerCpuArray<Timers, 1> = PerCpuArray::new();

/// Binds that found no free port, by namespace cookie.
#[btf_map]
pub static BINDS: HashMap<u64, BindFailures, { BIND_NAMESPACES as usize }> = HashMap::new();

/// What the user side changes while the programs run.
#[btf_map]
pub static CONTROL: Array<Control, 1> = Array::new();

/// Counters of the kernel side itself.
#[btf_map]
pub static STATS: PerCpuArray<Stats, 1> = PerCpuArray::new();

/// Result of the program `walk_count`.
#[btf_map]
pub static CENSUS: HashMap<TupleKey, Census, 65_536> = HashMap::new();

/// Result of the program `netns_list`.
#[btf_map]
pub static NETNS_PAGE: Array<NetnsPage, 1> = Array::new();

/// Result of the program `netns_reserved`.
#[btf_map]
pub static RESERVED: Array<ReservedPorts, 1> = Array::new();

/// Result of the program `ports_scan`.
#[btf_map]
pub static PORTS_PAGE: Array<PortsPage, 1> = Array::new();

/// Result of the program `bucket_scan`.
#[btf_map]
pub static BUCKET_PAGE: Array<BucketPage, 1> = Array::new();

/// Result of the program `look_at`.
#[btf_map]
pub static LOOK: Array<Look, 1> = Array::new();

/// What the walks `walk_count` and `walk_ports` are told.
#[btf_map]
pub static WALK: Array<WalkSettings, 1> = Array::new();

/// Adds one to a counter of [`Stats`] of this CPU.
macro_rules! count {
    ($counter:ident) => {
        $crate::maps::count_at(core::mem::offset_of!(portwatch_common::Stats, $counter))
    };
}

pub(crate) use count;

#[inline(always)]
pub fn count_at(position: usize) {
    if let Some(stats) = STATS.get_ptr_mut(0) {
        // SAFETY: `position` is that of a `u64` member of this CPU's element. An interrupt that
        // counts in between can cost a count of a diagnostic, nothing else.
        unsafe { *stats.cast::<u64>().byte_add(position) += 1 };
    }
}
