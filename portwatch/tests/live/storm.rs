//! A storm of failures: every one counted, few printed.

use std::{net::SocketAddr, thread};

use rustix::io::Errno;

use crate::support::{
    event::Event,
    netns::Netns,
    server,
    socket::{self, Family},
    ticks,
    watcher::Watcher,
};

const THREADS: u64 = 4;
const PER_THREAD: u64 = 1250;
const FAILURES: u64 = THREADS * PER_THREAD;

#[test]
fn every_failure_is_counted_and_few_are_printed() {
    let netns = Netns::named(30_000..=30_009);
    let _server = server::listen(&netns, 8080);
    let peer = SocketAddr::from(([127, 0, 0, 1], 8080));
    let watcher = Watcher::start(&[&netns], &["--counts"]);
    let _open: Vec<_> = netns.run(|| (0..10).map(|_| Family::V4.connect(peer).unwrap()).collect());

    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                netns.enter();
                for _ in 0..PER_THREAD {
                    let result = Family::V4.connect(peer);
                    assert_eq!(socket::errno(&result), Some(Errno::ADDRNOTAVAIL));
                }
            });
        }
    });

    let exhausted = watcher.wait_for("a report of every failure", |events| {
        let exhausted: Vec<Event> = events
            .iter()
            .filter(|e| e.is("exhausted"))
            .cloned()
            .collect();
        (reported(&exhausted) >= FAILURES).then_some(exhausted)
    });
    assert!(
        exhausted.len() as u64 * 20 < FAILURES,
        "{} lines",
        exhausted.len()
    );
    let totals = ticks::fresh(&watcher).totals(&netns, "exhausted_total");
    assert_eq!(totals.values().copied().collect::<Vec<_>>(), [FAILURES]);
    let exhausted: Vec<_> = watcher
        .stop()
        .into_iter()
        .filter(|e| e.is("exhausted"))
        .collect();
    assert_eq!(reported(&exhausted), FAILURES);
}

fn reported(exhausted: &[Event]) -> u64 {
    exhausted.iter().map(|e| 1 + e.number("suppressed")).sum()
}
