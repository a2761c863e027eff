//! A storm of failures: every one counted, few printed.

use std::{net::SocketAddr, thread};

use rustix::io::Errno;

use crate::support::{
    environment,
    event::Event,
    netns::Netns,
    server,
    socket::{self, Family},
    ticks,
    watcher::Watcher,
};

const THREADS: u64 = 4;

#[test]
fn every_failure_is_counted_and_few_are_printed() {
    let per_thread = environment::scaled(1250, 250) as u64;
    let failures = THREADS * per_thread;
    let netns = Netns::named(30_000..=30_009);
    let _server = server::listen(&netns, 8080);
    let peer = SocketAddr::from(([127, 0, 0, 1], 8080));
    let watcher = Watcher::start(&[&netns], &["--counts"]);
    let _open: Vec<_> = netns.run(|| (0..10).map(|_| Family::V4.connect(peer).unwrap()).collect());

    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                netns.enter();
                for _ in 0..per_thread {
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
        let tick = events.iter().rfind(|e| e.is("tick"))?;
        let unheard = ticks::unheard(tick, failures);
        (reported(&exhausted) + unheard >= failures).then_some(exhausted)
    });
    assert!(
        exhausted.len() as u64 * 20 < failures,
        "{} lines",
        exhausted.len()
    );
    let tick = ticks::fresh(&watcher);
    let told = tick.total(&netns, "exhausted_total", peer);
    let missing = failures.checked_sub(told).expect("none told twice");
    assert!(
        missing <= ticks::unheard(&tick.tick, failures),
        "{missing} missing: {:?}",
        tick.tick
    );
    let exhausted: Vec<_> = watcher
        .stop()
        .into_iter()
        .filter(|e| e.is("exhausted"))
        .collect();
    assert_eq!(reported(&exhausted), told);
}

fn reported(exhausted: &[Event]) -> u64 {
    exhausted.iter().map(|e| 1 + e.number("suppressed")).sum()
}
