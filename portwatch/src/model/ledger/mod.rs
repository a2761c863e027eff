//! The accounts that a daemon exposes: totals that never fall, and the tuples worth showing.

mod binds;
mod fullest;
mod labels;
mod shown;
#[cfg(test)]
mod tests;

use jiff::Timestamp;

use self::{binds::Binds, labels::Labels, shown::Shown};
use super::{AlertKind, BindSample, Cause, Event, EventKind, Filter, Growth, TupleSample};

pub use shown::Row;

/// Folds what a tracer tells into totals since the start. What the tracer keeps of a tuple ends and
/// begins anew with its slot; these don't.
#[derive(Debug, Default)]
pub struct Ledger {
    shown: Shown,
    binds: Binds,
    totals: Totals,
    /// Attempts that entered the set, failed ones included.
    opened: u64,
}

/// Counts since the start; none ever falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Connections that were given a port.
    pub connects: u64,
    /// Connects that found no free port.
    pub exhausted: u64,
    /// Connects from a bound port that had this connection already.
    pub conflict: u64,
    /// Connects that found no source address.
    pub no_source_address: u64,
    /// Binds of TCP that found no free port.
    pub tcp_bind: u64,
    /// The same of UDP.
    pub udp_bind: u64,
    /// Connects and sends of UDP that found no free port.
    pub udp_autobind: u64,
    /// Times that the port searches of a tuple became slow.
    pub slow_searches: u64,
}

/// How things stand at the end of an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// When, wall clock.
    pub time: Timestamp,
    /// The fullest tuples, the fullest first, and those that failed of late.
    pub rows: Vec<Row>,
    /// Utilisation of the fullest tuple, shown or not; 0 where there is none.
    pub utilisation_max: f64,
    /// Tuples that hold a port.
    pub tuples: u64,
    /// Counts since the start.
    pub totals: Totals,
}

impl Ledger {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts what only events tell of. One that does not pass the filter is nobody's concern.
    pub fn event(&mut self, event: &Event, filter: &Filter) {
        if !filter.event(event) {
            return;
        }
        let totals = &mut self.totals;
        match &event.kind {
            // A line stands for itself and for what it says was suppressed.
            EventKind::Failure(failure) if failure.cause == Cause::NoSourceAddress => {
                totals.no_source_address += failure.suppressed.saturating_add(1);
            }
            EventKind::Alert(alert) if matches!(alert.kind, AlertKind::SlowSearch(_)) => {
                totals.slow_searches += 1;
            }
            _ => {}
        }
    }

    /// Counts what an interval brought, and chooses the `top` tuples of it. What does not pass the
    /// filter is followed and not counted: when a filter changes, no total takes in what happened
    /// before.
    pub fn interval(
        &mut self,
        now: Timestamp,
        samples: &[TupleSample],
        growths: &[Growth],
        binds: &[BindSample],
        filter: &Filter,
        top: usize,
    ) -> Standing {
        let grown = growths
            .iter()
            .filter_map(|growth| Some((growth, samples.get(growth.place)?)));
        for (growth, sample) in grown.filter(|(_, sample)| filter.tuple(&sample.tuple)) {
            self.count(now, growth, sample);
        }
        self.binds.take(binds, filter, &mut self.totals);
        // An attempt that is inside its search is one that was opened, until it fails.
        let given = self.opened.saturating_sub(self.totals.exhausted);
        self.totals.connects = self.totals.connects.max(given);
        let (mut tuples, mut utilisation_max) = (0, 0.0);
        let passing = samples.iter().filter(|sample| filter.tuple(&sample.tuple));
        let passing = passing.inspect(|sample| {
            if sample.usage.used > 0 {
                tuples += 1;
                utilisation_max = sample.usage.utilisation().max(utilisation_max);
            }
        });
        self.shown.choose(now, passing, top);
        Standing {
            time: now,
            rows: self.shown.rows(&Labels::new(samples)),
            utilisation_max,
            tuples,
            totals: self.totals,
        }
    }

    fn count(&mut self, now: Timestamp, growth: &Growth, sample: &TupleSample) {
        self.opened += growth.opened;
        self.totals.exhausted += growth.exhausted;
        self.totals.conflict += growth.conflict;
        if growth.exhausted > 0 {
            self.shown.failed(now, sample, growth.exhausted);
        }
    }
}
