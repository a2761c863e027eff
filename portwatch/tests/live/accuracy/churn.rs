//! Many operations in a few namespaces, each with ways of its own to end a TIME_WAIT.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{at_rest, each, finish, place::Place, quiet, say, seed};
use crate::support::{environment, netns::Netns, netstat, ticks, wait, watcher::Watcher};

const ROUNDS: u64 = 40;
const PORT: u16 = 8080;
/// TIME_WAIT lasts `TCP_TIMEWAIT_LEN`, a constant of the kernel: 60 s.
const TIME_WAIT_ENDS: Duration = Duration::from_secs(80);

#[test]
fn counts_are_the_kernels_at_every_quiet_point() {
    let seed = seed();
    say(&format!("randomised run: PORTWATCH_SEED={seed}"));
    let mut places = places(seed);
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
    let total = |name| -> u64 {
        let each = places.iter();
        each.map(|place| netstat::counter(&place.netns, name)).sum()
    };
    let (reused, overflown) = (total("TWRecycled"), total("TCPTimeWaitOverflow"));
    assert!(reused > 0 && overflown > 0, "{reused}, {overflown}");

    for place in &mut places {
        place.close_all();
    }
    let left = expire(&watcher, &places);
    let end = finish(watcher);
    let exhausted: u64 = places.iter().flat_map(|p| p.exhausted.values()).sum();
    say(&format!(
        "randomised run: {operations} operations in {churn:.1?}, {exhausted} exhausted; TIME_WAIT: \
         {reused} reused, {overflown} too many, {left} expired; {}",
        end.0
    ));
}

fn places(seed: u64) -> [Place; 5] {
    let place = |netns: fn(_) -> _, last, of_this: u64| {
        Place::new(netns(30_000..=last), 30_000..=last, PORT, seed ^ of_this)
    };
    let mut places = [
        place(Netns::named, 30_059, 0),
        place(Netns::held_by_a_process, 30_079, 1),
        place(Netns::named, 30_059, 2),
        place(Netns::named, 30_119, 3),
        place(Netns::named, 30_059, 4),
    ];
    places[0].reuse_time_wait();
    places[1].reuse_time_wait();
    places[2].hurry();
    places[4].few_time_waits();
    places
}

/// Waits until every TIME_WAIT has ended by its timer, the counts being the kernel's all the
/// while. Returns how many there were.
fn expire(watcher: &Watcher, places: &[Place]) -> u32 {
    let in_time_wait = |tick: &ticks::Tick| -> u32 {
        let counts = places.iter().flat_map(|p| tick.counts(&p.netns));
        counts.map(|(_, count)| count.time_wait).sum()
    };
    let equal = || ticks::wait_until_equal(watcher, &each(places), at_rest(watcher));
    let left = in_time_wait(&equal());
    assert!(left > 0);
    wait::until("the end of every TIME_WAIT", TIME_WAIT_ENDS, || {
        let tick = equal();
        let idle = places.iter().all(|p| tick.counts(&p.netns).is_empty());
        idle.then_some(())
    });
    left
}
