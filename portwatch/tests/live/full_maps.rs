//! A map without room is reported; what fits is still counted right.

use std::net::SocketAddr;

use crate::support::{
    netns::Netns,
    server,
    socket::{self, Family},
    ticks, wait,
    watcher::Watcher,
};

const RANGE: std::ops::RangeInclusive<u16> = 30_000..=30_099;

#[test]
fn more_sockets_than_the_set_holds() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, 8080);
    let peer = SocketAddr::from(([127, 0, 0, 1], 8080));
    let watcher = Watcher::start(&[&netns], &["--counts", "--max-sockets", "16"]);
    let open: Vec<_> = netns.run(|| {
        (0..50)
            .map(|_| Family::V4.connect(peer).expect("connect"))
            .collect()
    });
    assert!(
        watcher
            .first("degraded")
            .text("reason")
            .contains("--max-sockets")
    );
    // Other namespaces' sockets take room in the same set.
    let used: u32 = ticks::fresh(&watcher)
        .counts(&netns)
        .values()
        .map(|c| c.used)
        .sum();
    assert!(used <= 16, "{used}");

    open.iter().for_each(socket::disconnect);
    wait::until("an empty set", wait::SOON, || {
        ticks::fresh(&watcher)
            .counts(&netns)
            .is_empty()
            .then_some(())
    });
    watcher.stop();
}

#[test]
fn more_tuples_than_there_are_slots() {
    let netns = Netns::named(RANGE);
    let _servers: Vec<_> = (8080..8100)
        .map(|port| server::listen(&netns, port))
        .collect();
    let watcher = Watcher::start(&[&netns], &["--counts", "--max-tuples", "4"]);
    let _open: Vec<_> = netns.run(|| {
        let peers = (8080..8100).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let twice = peers.flat_map(|peer| [peer, peer]);
        twice
            .map(|peer| Family::V4.connect(peer).expect("connect"))
            .collect()
    });
    assert!(
        watcher
            .first("degraded")
            .text("reason")
            .contains("--max-tuples")
    );
    let counts = ticks::fresh(&watcher).counts(&netns);
    assert!(counts.len() <= 4, "{counts:#?}");
    assert!(counts.values().all(|count| count.used == 2), "{counts:#?}");
    watcher.stop();
}
