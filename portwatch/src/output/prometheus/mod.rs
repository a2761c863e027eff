//! Metrics for Prometheus and whoever reads its formats. `docs/metrics.md` tells what each means.

mod families;
mod format;
mod histogram;
#[cfg(test)]
mod tests;
mod tracer;
mod tuples;

use std::collections::BTreeMap;

use self::format::Page;
use crate::model::{Ratios, Standing};

pub use format::Format;

/// How the tracer does, and what it is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Vitals {
    /// Hook set in use.
    pub hooks: String,
    /// Kernel release.
    pub kernel: String,
    /// Thresholds in force.
    pub ratios: Ratios,
    /// Port searches by duration: element `n` counts those of 2^n to 2^(n+1) nanoseconds. None
    /// where no hook measures them.
    pub searches: Option<[u64; 32]>,
    /// Sockets in the set.
    pub tracked_sockets: u64,
    /// Room in the set.
    pub max_sockets: u32,
    /// Room for tuples.
    pub max_tuples: u32,
    /// Events that the ring buffer had no room for.
    pub lost_events: u64,
    /// Sweeps done.
    pub sweeps: u64,
    /// What they put right.
    pub corrections: u64,
    /// Duration of the last one, seconds.
    pub sweep_seconds: f64,
    /// Runs that the kernel skipped, by program.
    pub recursion_misses: BTreeMap<String, u64>,
    /// Whether something lasts that makes counts less than exact.
    pub degraded: bool,
}

/// Writes all metrics.
#[must_use]
pub fn write(format: Format, standing: &Standing, vitals: &Vitals) -> String {
    let mut page = Page::new(format);
    tuples::write(&mut page, &standing.rows);
    families::write(&mut page, standing, vitals);
    tracer::write(&mut page, vitals);
    page.finish()
}
