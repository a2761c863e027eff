use std::time::{Duration, Instant};

use portwatch_common::Stats;

use crate::{
    cli::TracerArgs,
    model::{Ratios, Started},
    output::prometheus::Vitals,
    tracer::{HookSet, Tick},
};

/// How long after the last sign of it a state is taken to last. The tracer reminds of one each minute.
const LASTS: Duration = Duration::from_secs(60);

/// Reads from ticks how the tracer does.
pub(super) struct Watch {
    hooks: String,
    kernel: String,
    max_sockets: u32,
    max_tuples: u32,
    before: Option<Stats>,
    /// When something last found no room.
    full: Option<Instant>,
}

impl Watch {
    /// Of a tracer with these options.
    pub fn new(args: &TracerArgs) -> Self {
        Self {
            hooks: String::new(),
            kernel: String::new(),
            max_sockets: args.max_sockets,
            max_tuples: args.max_tuples,
            before: None,
            full: None,
        }
    }

    /// The tracer told what it runs with.
    pub fn started(&mut self, started: &Started) {
        self.hooks.clone_from(&started.hooks);
        self.kernel.clone_from(&started.kernel);
    }

    /// How it does now.
    pub fn look(&mut self, tick: &Tick, ratios: Ratios) -> Vitals {
        Vitals {
            hooks: self.hooks.clone(),
            kernel: self.kernel.clone(),
            ratios,
            searches: (self.hooks != HookSet::Tracepoint.name()).then_some(tick.stats.searches),
            tracked_sockets: tick.tracked,
            max_sockets: self.max_sockets,
            max_tuples: self.max_tuples,
            lost_events: tick.stats.lost_events,
            sweeps: tick.sweeps.count,
            corrections: tick.sweeps.corrections,
            sweep_seconds: tick.sweeps.last_ns as f64 / 1e9,
            recursion_misses: tick
                .programs
                .iter()
                .map(|(name, counters)| (name.clone(), counters.recursion_misses))
                .collect(),
            degraded: self.degraded(tick),
        }
    }

    /// Whether something lasts that makes counts less than exact.
    fn degraded(&mut self, tick: &Tick) -> bool {
        let full = |stats: &Stats| (stats.sockets_full, stats.tuples_full, stats.binds_full);
        let before = self.before.replace(tick.stats);
        if full(&before.unwrap_or_default()) != full(&tick.stats) {
            self.full = Some(Instant::now());
        }
        let of_late = self.full.is_some_and(|when| when.elapsed() < LASTS);
        of_late || tick.sweeps.failed || tick.samples.iter().any(|sample| sample.untracked > 0)
    }
}
