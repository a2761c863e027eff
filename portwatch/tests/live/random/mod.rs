//! A randomised run: at every quiet point the tracer's counts are the kernel's own.
//!
//! `PORTWATCH_SEED=n` repeats a run, `PORTWATCH_OPERATIONS=n` sets its length.

mod close;
mod open;
mod place;

use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

use place::Place;

use crate::support::{
    environment, event::Event, hooks, netns::Netns, ticks, wait, watcher::Watcher,
};

const ROUNDS: u64 = 40;
/// TIME_WAIT lasts `TCP_TIMEWAIT_LEN`, a constant of the kernel: 60 s.
const TIME_WAIT_ENDS: Duration = Duration::from_secs(80);

#[test]
fn counts_are_the_kernels_at_every_quiet_point() {
    let seed = match std::env::var("PORTWATCH_SEED") {
        Ok(seed) => seed.parse().expect("PORTWATCH_SEED is a number"),
        Err(_) => fastrand::u64(..),
    };
    say(&format!("randomised run: PORTWATCH_SEED={seed}"));
    let mut places = [
        Place::new(Netns::named(30_000..=30_099), 30_000..=30_099, seed),
        Place::new(
            Netns::held_by_a_process(30_000..=30_149),
            30_000..=30_149,
            seed ^ 1,
        ),
        Place::new(Netns::named(30_000..=30_099), 30_000..=30_099, seed ^ 2),
        Place::new(Netns::named(30_000..=30_199), 30_000..=30_199, seed ^ 3),
    ];
    places[0].reuse_time_wait();
    places[1].reuse_time_wait();
    places[2].hurry();
    let netns = places.each_ref().map(|place| &place.netns);
    let watcher = Watcher::start(&netns, &["--counts", "--sweep-interval", "2s"]);

    let wanted = environment::operations();
    let a_round = wanted.div_ceil(ROUNDS * places.len() as u64);
    let start = Instant::now();
    for _ in 0..ROUNDS {
        thread::scope(|scope| {
            for place in &mut places {
                scope.spawn(|| place.run(a_round));
            }
        });
        quiet(&watcher, &places);
    }
    let operations: u64 = places.iter().map(|place| place.operations).sum();
    let churn = start.elapsed();
    assert!(operations >= wanted, "{operations}");

    for place in &mut places {
        place.close_all();
    }
    let last = ticks::wait_until_equal(&watcher, &each(&places), TIME_WAIT_ENDS);
    let left: u32 = each(&places).iter().map(|(n, _)| used(&last, n)).sum();
    wait::until("the end of every TIME_WAIT", TIME_WAIT_ENDS, || {
        let tick = ticks::wait_until_equal(&watcher, &each(&places), wait::SOON);
        places
            .iter()
            .all(|place| used(&tick, &place.netns) == 0)
            .then_some(())
    });

    let sweeps = ticks::fresh(&watcher).tick.number("sweeps");
    let end = watcher.wait_for("two more sweeps", |events| {
        let tick = events.iter().rfind(|e| e.is("tick"))?;
        (tick.number("sweeps") >= sweeps + 2).then(|| tick.clone())
    });
    let exhausted: u64 = places.iter().flat_map(|p| p.exhausted.values()).sum();
    say(&format!(
        "randomised run: {operations} operations in {churn:.1?}, {exhausted} exhausted, \
         {left} TIME_WAIT expired; {}",
        end.0
    ));
    // The kernel skips a program that interrupts itself; only such a gap may need a sweep, and
    // only where each change of state has one tracepoint to be seen at.
    let missed = missed_runs(&end);
    let allowed = if hooks::are_exact() { 0 } else { missed };
    assert!(end.number("corrections") <= allowed, "{}", end.0);
    for event in watcher.stop() {
        assert!(
            !["lost", "conflict", "no_source_address"].contains(&event.kind()),
            "{event:?}"
        );
        if event.is("degraded") {
            let reason = event.text("reason");
            let told = ["recursion_misses", "a sweep put"];
            assert!(
                missed > 0 && told.iter().any(|part| reason.contains(part)),
                "{reason}"
            );
        }
    }
}

/// Runs of the tracer's programs that the kernel skipped.
fn missed_runs(tick: &Event) -> u64 {
    let programs = tick.0["recursion_misses"].as_object();
    let misses = programs.expect("a number a program").values();
    misses
        .map(|misses| misses.as_u64().expect("a number"))
        .sum()
}

/// Everything has come to rest: the counts must be the kernel's, the totals what was done.
fn quiet(watcher: &Watcher, places: &[Place]) {
    let tick = ticks::wait_until_equal(watcher, &each(places), wait::SOON);
    for place in places {
        assert_eq!(
            tick.totals(&place.netns, "exhausted_total"),
            place.exhausted
        );
        assert_eq!(tick.totals(&place.netns, "opened_total"), place.attempts);
    }
}

fn each(places: &[Place]) -> Vec<(&Netns, std::ops::RangeInclusive<u16>)> {
    places
        .iter()
        .map(|place| (&place.netns, place.range.clone()))
        .collect()
}

fn used(tick: &ticks::Tick, netns: &Netns) -> u32 {
    tick.counts(netns).values().map(|count| count.used).sum()
}

/// Says it even if the test succeeds: the harness hides what `println` prints.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
