//! What makes the counts less than exact, told when it happens.

use std::time::Duration;

use portwatch_common::{BIND_NAMESPACES, Stats};

use super::{Sweeps, programs::Programs};
use crate::model::EventKind;

/// The steps of a connection's life and the programs that tell of each; a hook set has some of them.
const STEPS: [&[&str]; 4] = [
    &[
        "inet_sock_set_state",
        "inet_sock_set_state_again",
        "fentry_inet_hash_connect",
        "fexit_inet_hash_connect",
        "kprobe_inet_hash_connect",
    ],
    &[
        "inet_sock_set_state",
        "inet_sock_set_state_again",
        "fentry_inet_unhash",
        "fentry_inet_unhash_again",
        "kprobe_inet_unhash",
    ],
    &[
        "timer_start",
        "fentry_inet_twsk_hashdance",
        "fentry_inet_twsk_hashdance_again",
        "kprobe_inet_twsk_hashdance",
    ],
    &[
        "timer_cancel",
        "fentry_inet_twsk_kill",
        "fentry_tcp_twsk_destructor",
        "kprobe_inet_twsk_kill",
        "kprobe_tcp_twsk_destructor",
    ],
];

/// A state that lasts is told again after this time, not at every look.
const REMINDER: Duration = Duration::from_secs(60);

/// Watches the kernel side's own counters.
pub(super) struct Health {
    before: Stats,
    /// Runs of any program that were skipped.
    skipped: u64,
    /// Those that counts depend on.
    misses: u64,
    corrections: u64,
    sockets: Lasting,
    tuples: Lasting,
    binds: Lasting,
    failure: Option<(String, Duration)>,
}

/// Something that goes wrong again and again.
struct Lasting {
    limit: u32,
    count: u64,
    told: Option<Duration>,
}

impl Health {
    /// Everything is well so far, whatever the counters say: `stats` is where they start.
    pub fn new(stats: Stats, max_sockets: u32, max_tuples: u32) -> Self {
        let lasting = |limit| Lasting {
            limit,
            count: 0,
            told: None,
        };
        Self {
            before: stats,
            skipped: 0,
            misses: 0,
            corrections: 0,
            sockets: lasting(max_sockets),
            tuples: lasting(max_tuples),
            binds: lasting(BIND_NAMESPACES),
            failure: None,
        }
    }

    /// What has gone wrong since the previous look, `now` being any steady clock's time.
    pub fn look(&mut self, stats: &Stats, now: Duration) -> Vec<EventKind> {
        let before = std::mem::replace(&mut self.before, *stats);
        let grown = |counter: fn(&Stats) -> u64| counter(stats).saturating_sub(counter(&before));
        let mut events = Vec::new();
        let lost = grown(|stats| stats.lost_events);
        if lost > 0 {
            events.push(EventKind::Lost { events: lost });
        }
        let sockets = self.sockets.grow(grown(|stats| stats.sockets_full), now).map(|count| {
            format!(
                "{count} sockets found no room in the set of {}: the counts of their tuples are too low; start again with a larger --max-sockets",
                self.sockets.limit
            )
        });
        let tuples = self.tuples.grow(grown(|stats| stats.tuples_full), now).map(|count| {
            format!(
                "{count} connections belong to tuples that found no room among {}: they are not counted; start again with a larger --max-tuples",
                self.tuples.limit
            )
        });
        let binds = self.binds.grow(grown(|stats| stats.binds_full), now).map(|count| {
            format!(
                "{count} binds that found no free port were in namespaces that found no room among {}: they are not told",
                self.binds.limit
            )
        });
        let degraded = sockets.into_iter().chain(tuples).chain(binds);
        events.extend(degraded.map(|reason| EventKind::Degraded { reason }));
        events
    }

    /// What keeps the set from being looked after; the same again is told as a reminder only.
    pub fn failed(&mut self, reason: String, now: Duration) -> Option<EventKind> {
        let told = self.failure.as_ref();
        if told
            .is_some_and(|(before, when)| *before == reason && now.saturating_sub(*when) < REMINDER)
        {
            return None;
        }
        self.failure = Some((reason.clone(), now));
        Some(EventKind::Degraded { reason })
    }

    /// What a sweep had to put right, if anything.
    pub fn swept(&mut self, sweeps: &Sweeps) -> Option<EventKind> {
        let before = std::mem::replace(&mut self.corrections, sweeps.corrections);
        let put_right = sweeps.corrections.saturating_sub(before);
        (put_right > 0).then(|| EventKind::Degraded {
            reason: format!(
                "changes of sockets that the hooks missed: {put_right} (the kernel skips a program that is already running: recursion_misses); a sweep has put the counts right"
            ),
        })
    }

    /// Whether the kernel skipped runs that counts depend on, because a program was already active
    /// on the CPU. Most of those runs would have changed nothing; a sweep tells. A step is missed
    /// when every program that tells of it was skipped. `refused` are the changes that the
    /// set's map did not take.
    pub fn missed(&mut self, programs: &Programs, refused: u64) -> bool {
        let skipped: u64 = programs.values().map(|it| it.recursion_misses).sum();
        if std::mem::replace(&mut self.skipped, skipped) < skipped {
            let of_each: Vec<String> = programs
                .iter()
                .map(|(name, program)| format!("{name} {}", program.recursion_misses))
                .collect();
            log::info!(
                "runs that the kernel has skipped (recursion_misses): {}",
                of_each.join(", ")
            );
        }
        let missed = |step: &&[&str]| {
            let of_each = step.iter().filter_map(|name| programs.get(*name));
            of_each.map(|program| program.recursion_misses).min()
        };
        let misses = STEPS.iter().filter_map(missed).sum::<u64>() + refused;
        std::mem::replace(&mut self.misses, misses) < misses
    }
}

impl Lasting {
    /// Counts further cases; how many there are to tell of, if it is time to.
    fn grow(&mut self, count: u64, now: Duration) -> Option<u64> {
        self.count += count;
        let due = self
            .told
            .is_none_or(|told| now.saturating_sub(told) >= REMINDER);
        if self.count == 0 || !due {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use portwatch_common::Stats;

    use super::{EventKind, Health, Sweeps};
    use crate::tracer::programs::ProgramCounters;

    fn health() -> Health {
        Health::new(
            Stats {
                lost_events: 5,
                ..Stats::default()
            },
            16,
            4,
        )
    }

    #[test]
    fn tells_of_growth_once() {
        let mut health = health();
        let stats = Stats {
            lost_events: 7,
            ..Stats::default()
        };
        assert_eq!(
            health.look(&stats, Duration::ZERO),
            [EventKind::Lost { events: 2 }]
        );
        assert_eq!(health.look(&stats, Duration::ZERO), []);
    }

    #[test]
    fn a_full_map_is_told_at_once_and_then_once_a_minute() {
        let mut health = health();
        let mut told = |full, seconds| {
            let stats = Stats {
                lost_events: 5,
                sockets_full: full,
                ..Stats::default()
            };
            format!("{:?}", health.look(&stats, Duration::from_secs(seconds)))
        };
        let first = told(3, 1);
        assert!(
            first.contains("3 sockets") && first.contains("--max-sockets"),
            "{first}"
        );
        assert_eq!(told(10, 2), "[]");
        assert!(told(12, 61).contains("9 sockets"));
        assert_eq!(told(12, 200), "[]");
    }

    #[test]
    fn names_the_option_that_helps_with_tuples() {
        let stats = Stats {
            lost_events: 5,
            tuples_full: 1,
            ..Stats::default()
        };
        let told = format!("{:?}", health().look(&stats, Duration::ZERO));
        assert!(told.contains("--max-tuples"), "{told}");
    }

    #[test]
    fn a_skipped_run_is_noticed_once_and_only_if_no_other_run_stood_in() {
        let mut health = health();
        let mut missed = |misses: &[(&str, u64)]| {
            let counters = |recursion_misses| ProgramCounters {
                recursion_misses,
                ..ProgramCounters::default()
            };
            let programs = misses
                .iter()
                .map(|(name, misses)| ((*name).to_owned(), counters(*misses)));
            health.missed(&programs.collect(), 0)
        };
        const STATE: &str = "inet_sock_set_state";
        const AGAIN: &str = "inet_sock_set_state_again";
        assert!(!missed(&[("sys_exit", 3), (STATE, 7), (AGAIN, 0)]));
        let timers = [(STATE, 7), (AGAIN, 0), ("timer_start", 3)];
        assert!(missed(&timers));
        assert!(!missed(&timers));
        assert!(missed(&[(STATE, 7), (AGAIN, 1), ("timer_start", 3)]));
        let kill = ("fentry_inet_twsk_kill", 9);
        let last = [(STATE, 7), (AGAIN, 1), ("timer_start", 3), kill];
        assert!(!missed(
            &[&last[..], &[("fentry_tcp_twsk_destructor", 0)]].concat()
        ));
    }

    #[test]
    fn a_failure_that_lasts_is_told_once_a_minute() {
        let mut health = health();
        let mut told = |reason: &str, seconds| {
            let now = Duration::from_secs(seconds);
            health.failed(reason.to_owned(), now).is_some()
        };
        assert!(told("no list", 1) && !told("no list", 2) && told("no walk", 3));
        assert!(!told("no walk", 62) && told("no walk", 63));
    }

    #[test]
    fn only_a_sweep_that_mended_something_is_told() {
        let mut health = health();
        let sweep = |corrections| Sweeps {
            corrections,
            ..Sweeps::default()
        };
        assert_eq!(health.swept(&sweep(0)), None);
        let told = format!("{:?}", health.swept(&sweep(2)));
        assert!(told.contains("missed: 2 "), "{told}");
        assert_eq!(health.swept(&sweep(2)), None);
    }
}
