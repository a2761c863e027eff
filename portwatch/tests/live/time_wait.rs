//! TIME_WAIT without timer events: sweeps find it.

use crate::support::{netns::Netns, server, ticks, traffic, wait, watcher::Watcher};

#[test]
fn sweeps_alone_count_time_wait() {
    let range = 30_000..=30_019;
    let netns = Netns::named(range.clone());
    let listener = server::listen(&netns, 8080);
    let arguments = [
        "--counts",
        "--time-wait",
        "sweep",
        "--sweep-interval",
        "300ms",
    ];
    let watcher = Watcher::start(&[&netns], &arguments);
    traffic::leave_time_wait(&netns, &listener, ([127, 0, 0, 1], 8080).into(), 7);
    let tick = ticks::wait_until_equal(&watcher, &[(&netns, range)], wait::SOON);
    assert_eq!(
        tick.counts(&netns)
            .values()
            .map(|c| c.time_wait)
            .sum::<u32>(),
        7
    );
    watcher.stop();
}
