//! What makes the counts less than exact, told when it happens.

use portwatch_common::Stats;

use super::programs::Programs;
use crate::model::EventKind;

/// Watches the kernel side's own counters.
pub(super) struct Health {
    before: Stats,
    misses: u64,
    max_sockets: u32,
    max_tuples: u32,
}

impl Health {
    /// Everything is well so far, whatever the counters say: `stats` is where they start.
    pub fn new(stats: Stats, max_sockets: u32, max_tuples: u32) -> Self {
        Self {
            before: stats,
            misses: 0,
            max_sockets,
            max_tuples,
        }
    }

    /// What has gone wrong since the previous look.
    pub fn look(&mut self, stats: &Stats, programs: &Programs) -> Vec<EventKind> {
        let Self {
            before,
            max_sockets,
            max_tuples,
            ..
        } = self;
        let grown = |counter: fn(&Stats) -> u64| counter(stats).saturating_sub(counter(before));
        let mut events = Vec::new();
        let lost = grown(|stats| stats.lost_events);
        if lost > 0 {
            events.push(EventKind::Lost { events: lost });
        }
        let mut degraded = |reason| events.push(EventKind::Degraded { reason });
        let sockets = grown(|stats| stats.sockets_full);
        if sockets > 0 {
            degraded(format!(
                "{sockets} sockets found no room in the set of {max_sockets}: the counts of their tuples are too low; start again with a larger --max-sockets"
            ));
        }
        let tuples = grown(|stats| stats.tuples_full);
        if tuples > 0 {
            degraded(format!(
                "{tuples} connections belong to tuples that found no room among {max_tuples}: they are not counted; start again with a larger --max-tuples"
            ));
        }
        let misses: u64 = programs
            .values()
            .map(|program| program.recursion_misses)
            .sum();
        let missed = misses.saturating_sub(self.misses);
        if missed > 0 {
            degraded(format!(
                "the kernel skipped {missed} program runs (recursion_misses): a count may be off until the next sweep"
            ));
        }
        self.misses = misses;
        self.before = *stats;
        events
    }
}

#[cfg(test)]
mod tests {
    use portwatch_common::Stats;

    use super::{EventKind, Health, Programs};
    use crate::tracer::programs::ProgramCounters;

    #[test]
    fn tells_of_growth_once() {
        let mut health = Health::new(
            Stats {
                lost_events: 5,
                ..Stats::default()
            },
            16,
            4,
        );
        let stats = Stats {
            lost_events: 7,
            ..Stats::default()
        };
        assert_eq!(
            health.look(&stats, &Programs::new()),
            [EventKind::Lost { events: 2 }]
        );
        assert_eq!(health.look(&stats, &Programs::new()), []);
    }

    #[test]
    fn names_the_option_that_helps() {
        let mut health = Health::new(Stats::default(), 16, 4);
        let stats = Stats {
            sockets_full: 1,
            tuples_full: 1,
            ..Stats::default()
        };
        let missed = ProgramCounters {
            recursion_misses: 3,
            verified_insns: 0,
        };
        let told = health.look(&stats, &[("timer_start".to_owned(), missed)].into());
        let told = format!("{told:?}");
        for word in ["--max-sockets", "--max-tuples", "skipped 3"] {
            assert!(told.contains(word), "{word}: {told}");
        }
    }
}
