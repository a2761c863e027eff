//! Two watchers at once, of two hook sets where the kernel has them: they must tell the same.

use std::{collections::BTreeMap, thread};

use super::{failures::Scene, finish, place::Place, quiet, say, seed};
use crate::support::{
    environment, hooks,
    kernel_list::Tuple,
    netns::Netns,
    ticks::{self, Tick},
    wait,
    watcher::Watcher,
};

const ROUNDS: u64 = 10;
const RANGE: std::ops::RangeInclusive<u16> = 30_000..=30_059;
const PORT: u16 = 8080;

#[test]
fn two_hook_sets_report_the_same() {
    let seed = seed();
    let first = hooks::in_use();
    let mut others: Vec<_> = hooks::usable();
    others.retain(|hooks| *hooks != first);
    if others.is_empty() {
        others.push(first);
    }
    for second in others {
        say(&format!("{first} beside {second}: PORTWATCH_SEED={seed}"));
        compare([first, second], seed);
    }
}

fn compare(hooks: [&str; 2], seed: u64) {
    let scene = Scene::new(seed);
    let mut places = [0, 1].map(|n| Place::new(Netns::named(RANGE), RANGE, PORT, seed ^ n));
    places[0].reuse_time_wait();
    places[1].few_time_waits();
    let netns: Vec<&Netns> = scene
        .namespaces()
        .into_iter()
        .chain(places.iter().map(|place| &place.netns))
        .collect();
    let watchers = hooks.map(|hooks| {
        let arguments = [
            "-vv",
            "--counts",
            "--sweep-interval",
            "2s",
            "--hooks",
            hooks,
        ];
        Watcher::start(&netns, &arguments)
    });
    for (watcher, hooks) in watchers.iter().zip(hooks) {
        assert_eq!(watcher.first("started").text("hooks"), hooks);
    }

    let expected = scene.fail();
    for watcher in &watchers {
        let reported = watcher.wait_for("every failure", |events| {
            let reported: Vec<_> = events.iter().filter_map(|e| scene.failure(e)).collect();
            (reported.len() >= expected.len()).then_some(reported)
        });
        assert_eq!(reported, expected);
    }

    let a_round = (environment::operations() / 6).div_ceil(ROUNDS * places.len() as u64);
    for _ in 0..ROUNDS {
        thread::scope(|scope| {
            for place in &mut places {
                scope.spawn(|| place.run(a_round));
            }
        });
        for watcher in &watchers {
            quiet(watcher, &places);
        }
        wait::until("the same from both", wait::SOON, || {
            // A TIME_WAIT may end between one's look and the other's.
            let [one, other] = watchers.each_ref().map(ticks::fresh);
            let netns = places.iter().map(|place| &place.netns);
            let mut differing = netns.filter(|netns| facts(&one, netns) != facts(&other, netns));
            differing.next().is_none().then_some(())
        });
    }
    for netns in scene.namespaces() {
        let [one, other] = watchers.each_ref().map(|w| facts(&ticks::fresh(w), netns));
        assert_eq!(one, other);
    }
    for watcher in watchers {
        let events = watcher.events();
        let reported: Vec<_> = events.iter().filter_map(|e| scene.failure(e)).collect();
        assert_eq!(reported, expected, "none of them twice");
        finish(watcher);
    }
}

/// Everything that is counted of a namespace's tuples: used ports, those in TIME_WAIT, attempts,
/// failures by their cause.
fn facts(tick: &Tick, netns: &Netns) -> BTreeMap<Tuple, [u64; 5]> {
    let mut facts = BTreeMap::<Tuple, [u64; 5]>::new();
    for (tuple, count) in tick.counts(netns) {
        let counts = [count.used, count.time_wait].map(u64::from);
        facts.entry(tuple).or_default()[..2].copy_from_slice(&counts);
    }
    for (place, key) in (2..).zip(["opened_total", "exhausted_total", "conflict_total"]) {
        for (tuple, total) in tick.totals(netns, key) {
            facts.entry(tuple).or_default()[place] = total;
        }
    }
    facts
}
