//! Namespaces that end with connections and TIME_WAITs in them.

use std::thread;

use super::{finish, place::Place, quiet, say, seed};
use crate::support::{environment, netns::Netns, ticks, wait, watcher::Watcher};

const RANGE: std::ops::RangeInclusive<u16> = 30_000..=30_099;
/// First of the ports of the first namespace. Each has its own, so that what is left of one is
/// not taken for the next one's: inode numbers are used again.
const FIRST_PORT: u16 = 9000;
const OPERATIONS: u64 = 400;

#[test]
fn nothing_is_counted_for_namespaces_that_are_gone() {
    let seed = seed();
    say(&format!("namespaces that end: PORTWATCH_SEED={seed}"));
    let namespaces = u16::try_from(environment::scaled(40, 6)).expect("a few");
    let first_ports = (0..namespaces).map(|number| FIRST_PORT + 4 * number);
    let ports: Vec<String> = (FIRST_PORT..FIRST_PORT + 4 * namespaces)
        .map(|port| port.to_string())
        .collect();
    let arguments = ["--counts", "--sweep-interval", "2s", "--port"];
    let watcher = Watcher::start(&[], &[&arguments[..], &[&ports.join(",")]].concat());

    let (mut live, mut in_time_wait) = (0, 0);
    for first_port in first_ports {
        let netns = if first_port % 8 == 0 {
            Netns::named(RANGE)
        } else {
            Netns::held_by_a_process(RANGE)
        };
        let mut place = Place::new(netns, RANGE, first_port, seed ^ u64::from(first_port));
        place.time_wait_chance = 40;
        // In a thread of its own, for it enters the namespace, and would keep it.
        thread::scope(|scope| {
            scope.spawn(|| place.run(OPERATIONS));
        });
        let tick = quiet(&watcher, std::slice::from_ref(&place));
        for count in tick.counts(&place.netns).values() {
            live += count.used - count.time_wait;
            in_time_wait += count.time_wait;
        }
        drop(place);
    }
    assert!(live > 0 && in_time_wait > 0, "{live}, {in_time_wait}");

    wait::until("nothing to be counted", wait::SWEEPS, || {
        let samples = ticks::fresh(&watcher).samples;
        let idle = |key| samples.iter().all(|sample| sample.number(key) == 0);
        (idle("used") && idle("time_wait")).then_some(())
    });
    let end = finish(watcher);
    say(&format!(
        "{namespaces} namespaces ended with {live} connections and {in_time_wait} TIME_WAITs in \
         them; {}",
        end.0
    ));
}
