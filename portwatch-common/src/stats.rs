use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Counters of the kernel side itself, one set a CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct Stats {
    /// Events that the ring buffer had no room for.
    pub lost_events: u64,
    /// Sockets that the set had no room for.
    pub sockets_full: u64,
    /// Changes that the map of the set refused because it was being changed on the same CPU.
    pub refused: u64,
    /// Connections whose tuple had no slot left.
    pub tuples_full: u64,
    /// Sockets that entered the set while a stale entry stood under their address.
    pub stale_replaced: u64,
    /// Sockets that a hook should have put into the set and a later one did.
    pub healed: u64,
    /// connect(2) calls that failed for want of a source address.
    pub no_source_address: u64,
    /// Failed port searches that connect(2)'s errno confirmed.
    pub confirmed: u64,
    /// Failed port searches that connect(2)'s errno told to be want of memory.
    pub no_memory: u64,
    /// Sockets that the walks added to the set, without the next.
    pub walk_inserted: u64,
    /// TIME_WAIT mini-sockets that the walks added to the set.
    pub walk_inserted_time_wait: u64,
    /// Sockets that the walks found in the set.
    pub walk_seen: u64,
    /// Sockets that sweeps took out of the set.
    pub sweep_dropped: u64,
    /// Highest slot of `TUPLES` taken so far, plus one.
    pub tuple_high_water: u64,
    /// Start of the rate limit window of events without a tuple, see `TupleEntry::window`.
    pub window: u64,
    /// Events without a tuple in that window.
    pub window_events: u64,
    /// Binds without a free port, in namespaces that found no room among those with such binds.
    pub binds_full: u64,
    /// Port searches by duration: element `n` counts those of 2^n to 2^(n+1) nanoseconds.
    pub searches: [u64; 32],
}
