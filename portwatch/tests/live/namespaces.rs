//! Namespaces that come and go while the program runs.

use std::net::SocketAddr;

use crate::support::{
    kernel_list::{Count, Counts},
    netns::Netns,
    server,
    socket::{self, Family},
    ticks, traffic, wait,
    watcher::Watcher,
};

const RANGE: std::ops::RangeInclusive<u16> = 30_000..=30_019;

fn peer(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

#[test]
fn one_that_appears_is_found_with_its_first_connections() {
    let watcher = Watcher::start(&[], &["--counts"]);
    for netns in [Netns::named(RANGE), Netns::held_by_a_process(RANGE)] {
        let _server = server::listen(&netns, 8080);
        let open = netns.run(|| socket::exhaust(Family::V4, peer(8080)));
        assert_eq!(open.len(), RANGE.len());
        let exhausted = watcher.wait_for("the exhaustion", |events| {
            let mut exhausted = events.iter().filter(|e| e.is("exhausted"));
            exhausted
                .find(|e| e.small("netns") == netns.inum())
                .cloned()
        });
        assert_eq!(exhausted.tuple(), (peer(0).ip(), peer(8080)));
        assert_eq!(exhausted.small("used"), 20);
        assert_eq!(exhausted.small("capacity"), 20);
        if let Some(name) = netns.name() {
            assert_eq!(exhausted.text("netns_name"), name);
        }
        let tick = ticks::wait_until_equal(&watcher, &[(&netns, RANGE)], wait::SOON);
        let opened = tick.totals(&netns, "opened_total");
        assert_eq!(
            opened.into_values().collect::<Vec<_>>(),
            [21],
            "failed attempt included"
        );
    }
    watcher.stop();
}

#[test]
fn one_deleted_with_sockets_open_keeps_them_and_is_forgotten_after_them() {
    const PORT: u16 = 8765;
    let mut netns = Netns::named(RANGE);
    let listener = server::listen(&netns, PORT);
    let watcher = Watcher::start(&[], &["--counts"]);
    traffic::leave_time_wait(&netns, &listener, peer(PORT), 3);
    let open: Vec<_> = netns.run(|| {
        (0..5)
            .map(|_| Family::V4.connect(peer(PORT)).expect("connect"))
            .collect()
    });
    ticks::wait_until_equal(&watcher, &[(&netns, RANGE)], wait::SOON);

    netns.delete_name();
    let held = Count {
        used: 8,
        time_wait: 3,
    };
    let expected = Counts::from([((peer(0).ip(), peer(PORT)), held)]);
    assert_eq!(ticks::fresh(&watcher).counts(&netns), expected);

    drop(open);
    drop(listener);
    wait::until("the namespace to be forgotten", wait::SOON, || {
        let tick = ticks::fresh(&watcher);
        // Its inode number may be another's by now; the port is nobody else's.
        let left = tick
            .of(&netns)
            .any(|sample| sample.peer() == Some(peer(PORT)));
        (!left).then_some(())
    });
    watcher.stop();
}
