//! What commands tell a tracer, and what it tells them.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    cli::{Hooks, TimeWaitChoice, TracerArgs},
    model::{Interval, Item, Ratios, TracerState},
    tracer::{HookSet, Options, Tick, TimeWait, Update},
};

/// What a tracer is told.
pub(super) fn options(
    tracer: &TracerArgs,
    ratios: Ratios,
    eta_warning: Option<Duration>,
) -> Options {
    Options {
        hooks: match tracer.hooks {
            Hooks::Auto => None,
            Hooks::Fentry => Some(HookSet::Fentry),
            Hooks::Kprobe => Some(HookSet::Kprobe),
            Hooks::Tracepoint => Some(HookSet::Tracepoint),
        },
        time_wait: match tracer.time_wait {
            TimeWaitChoice::Auto => None,
            TimeWaitChoice::Events => Some(TimeWait::Events),
            TimeWaitChoice::Sweep => Some(TimeWait::Sweep),
        },
        connect_errno: tracer.connect_errno,
        ratios,
        max_sockets: tracer.max_sockets,
        max_tuples: tracer.max_tuples,
        ring_bytes: tracer.ring_size,
        bpf_log: tracer.bpf_log as u8,
        slow_search: tracer.slow_search.0,
        eta_warning,
        interval: tracer.interval,
        sweep_interval: tracer.sweep_interval.0,
    }
}

/// What a tracer tells, as a session's item.
pub(super) fn item(update: Update) -> Item {
    match update {
        Update::Event(event) => Item::Event(event),
        Update::Tick(tick) => Item::Interval(interval(*tick)),
    }
}

fn interval(tick: Tick) -> Interval {
    let misses = tick.programs.into_iter();
    let misses = misses.map(|(name, counters)| (name, counters.recursion_misses));
    let held = tick
        .samples
        .iter()
        .map(|sample| u64::from(sample.usage.used));
    Interval {
        time: Timestamp::now(),
        tracer: TracerState {
            sockets: held.sum(),
            sweeps: tick.sweeps.count,
            corrections: tick.sweeps.corrections,
            lost_events: tick.stats.lost_events,
            recursion_misses: misses.filter(|(_, count)| *count > 0).collect(),
        },
        samples: Arc::unwrap_or_clone(tick.samples),
        binds: tick.binds,
    }
}
