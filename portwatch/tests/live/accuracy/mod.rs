//! Randomised runs: at every quiet point the tracer's counts are the kernel's own.
//!
//! `PORTWATCH_SEED=n` repeats a run, `PORTWATCH_OPERATIONS=n` sets its length.

mod churn;
mod close;
mod exit;
mod failures;
mod open;
mod pair;
mod place;

use std::{collections::BTreeMap, io::Write, ops::RangeInclusive, time::Duration};

use place::Place;

use crate::support::{
    event::Event,
    kernel_list::Tuple,
    netns::Netns,
    ticks::{self, Tick},
    wait,
    watcher::Watcher,
};

/// Everything has come to rest: the counts must be the kernel's, the totals what was done.
fn quiet(watcher: &Watcher, places: &[Place]) -> Tick {
    let tick = ticks::wait_until_equal(watcher, &each(places), at_rest(watcher));
    for place in places {
        let total = |key| own(place, tick.totals(&place.netns, key));
        // Both programs of a state change can be skipped, and no sweep can mend a total.
        let allowed = if is_exact(watcher) {
            0
        } else {
            missed_runs(&tick.tick)
        };
        same_totals(&total("exhausted_total"), &place.exhausted, allowed);
        same_totals(&total("opened_total"), &place.attempts, allowed);
        assert_eq!(total("conflict_total"), BTreeMap::new());
    }
    tick
}

/// The totals are what was done, but for so many that may be missing.
fn same_totals(told: &BTreeMap<Tuple, u64>, done: &BTreeMap<Tuple, u64>, missing: u64) {
    if missing == 0 {
        assert_eq!(told, done);
        return;
    }
    // Of an attempt that was told by its errno alone, the local address is not known.
    let by_peer = |totals: &BTreeMap<Tuple, u64>| {
        let mut by_peer = BTreeMap::<_, u64>::new();
        for ((_, peer), total) in totals {
            *by_peer.entry(*peer).or_default() += total;
        }
        by_peer
    };
    let (told, done) = (by_peer(told), by_peer(done));
    let of = |peer| told.get(peer).copied().unwrap_or(0);
    let short: u64 = done
        .iter()
        .map(|(peer, done)| done.saturating_sub(of(peer)))
        .sum();
    assert!(short <= missing, "{short} missing: {told:?}, {done:?}");
    assert!(told.iter().all(|(peer, told)| done.get(peer) >= Some(told)));
}

/// Longest until the counts are the kernel's: where only a sweep can mend what a skipped program
/// missed, until two of them are over.
fn at_rest(watcher: &Watcher) -> Duration {
    if is_exact(watcher) {
        wait::SOON
    } else {
        wait::SWEEPS
    }
}

/// Whether no sweep may find anything to mend: the begin and the end of a connection have several
/// functions each, and a run that the kernel skips at one is made up for at another. Tracepoints
/// have only one.
fn is_exact(watcher: &Watcher) -> bool {
    watcher.first("started").text("hooks") != "tracepoint"
}

/// Drops the totals of a namespace that had the same inode number before.
fn own(place: &Place, mut totals: BTreeMap<Tuple, u64>) -> BTreeMap<Tuple, u64> {
    totals.retain(|(_, peer), _| place.all_ports().contains(&peer.port()));
    totals
}

fn each(places: &[Place]) -> Vec<(&Netns, RangeInclusive<u16>)> {
    let each = places.iter();
    each.map(|place| (&place.netns, place.range.clone()))
        .collect()
}

/// Ends the watcher when it has swept twice more: the sweeps must have had nothing to mend, except
/// for runs of its programs that the kernel skipped. Returns the last figures.
fn finish(watcher: Watcher) -> Event {
    let sweeps = ticks::fresh(&watcher).tick.number("sweeps");
    let end = watcher.wait_within(wait::SWEEPS, "two more sweeps", |events| {
        let tick = events.iter().rfind(|e| e.is("tick"))?;
        (tick.number("sweeps") >= sweeps + 2).then(|| tick.clone())
    });
    let missed = missed_runs(&end);
    let allowed = if is_exact(&watcher) { 0 } else { missed };
    for key in ["corrections", "stale_replaced"] {
        assert!(end.number(key) <= allowed, "{key}: {}", end.0);
    }
    for event in watcher.stop() {
        assert!(!event.is("lost"), "{event:?}");
        if event.is("degraded") {
            let reason = event.text("reason");
            let told = ["recursion_misses", "a sweep put"];
            assert!(
                missed > 0 && told.iter().any(|part| reason.contains(part)),
                "{reason}"
            );
        }
    }
    end
}

/// Runs of the tracer's programs that the kernel skipped.
fn missed_runs(tick: &Event) -> u64 {
    let programs = tick.0["recursion_misses"].as_object();
    let misses = programs.expect("a number a program").values();
    misses
        .map(|misses| misses.as_u64().expect("a number"))
        .sum()
}

/// What makes a run random.
fn seed() -> u64 {
    match std::env::var("PORTWATCH_SEED") {
        Ok(seed) => seed.parse().expect("PORTWATCH_SEED is a number"),
        Err(_) => fastrand::u64(..),
    }
}

/// Says it even if the test succeeds: the harness hides what `println` prints.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
