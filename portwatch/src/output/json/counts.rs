use std::{collections::BTreeMap, io};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    SCHEMA,
    keys::{SampleKeys, time},
    write_line,
};
use crate::model::TupleSample;

/// How the tracer itself does, at the end of an interval.
#[derive(Clone, Debug, Serialize)]
pub struct TracerKeys {
    /// Sweeps done.
    pub sweeps: u64,
    /// What they had to mend: the tracer's own drift.
    pub corrections: u64,
    /// Sockets in the set at the end of the last sweep.
    pub sockets: u64,
    /// Seconds that the last sweep took.
    pub sweep_seconds: f64,
    /// Sockets that a later hook put into the set for one that was missed.
    pub healed: u64,
    /// Sockets that walks put into the set, the first walk's included.
    pub walk_inserted: u64,
    /// Sockets in the set whose address another socket had by now.
    pub stale_replaced: u64,
    /// Sockets that sweeps took out of the set.
    pub sweep_dropped: u64,
    /// Changes that the map of the set refused.
    pub refused: u64,
    /// Failed port searches that connect's errno confirmed.
    pub confirmed: u64,
    /// Events that the ring buffer had no room for.
    pub lost_events: u64,
    /// Port searches by duration: element `n` counts those of 2^n to 2^(n+1) nanoseconds.
    pub searches: [u64; 32],
    /// Skipped runs of each program.
    pub recursion_misses: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct Sample<'a> {
    schema: u32,
    time: String,
    event: &'static str,
    #[serde(flatten)]
    sample: SampleKeys<'a>,
    /// Nanoseconds of `CLOCK_MONOTONIC`. The totals count from here on.
    first_seen: Option<u64>,
    opened_total: u64,
    exhausted_total: u64,
    conflict_total: u64,
    /// The longest port search, seconds; null where none was measured.
    search_seconds_max: Option<f64>,
}

#[derive(Serialize)]
struct Tick<'a> {
    schema: u32,
    time: String,
    event: &'static str,
    #[serde(flatten)]
    tracer: &'a TracerKeys,
}

/// Writes one tuple's counts.
///
/// # Errors
/// What `out` returns.
pub fn write_sample(
    out: &mut dyn io::Write,
    now: Timestamp,
    sample: &TupleSample,
) -> io::Result<()> {
    let line = Sample {
        schema: SCHEMA,
        time: time(now),
        event: "sample",
        sample: SampleKeys::new(sample),
        first_seen: sample
            .first_seen
            .and_then(|time| u64::try_from(time.as_nanos()).ok()),
        opened_total: sample.opened,
        exhausted_total: sample.exhausted,
        conflict_total: sample.conflict,
        search_seconds_max: sample.slowest_search.map(|took| took.as_secs_f64()),
    };
    write_line(out, &line)
}

/// Writes the end of an interval.
///
/// # Errors
/// What `out` returns.
pub fn write_tick(out: &mut dyn io::Write, now: Timestamp, tracer: &TracerKeys) -> io::Result<()> {
    write_line(
        out,
        &Tick {
            schema: SCHEMA,
            time: time(now),
            event: "tick",
            tracer,
        },
    )
}
