//! Processes that die while they connect.

use std::net::SocketAddr;

use super::{PORT, RANGE, counted, v4};
use crate::support::{
    environment,
    forked::Forked,
    kernel_list::{self, SYN_SENT, Tuple},
    netns::Netns,
    server::{self, FullListener},
    socket::{self, Attempt, Family},
    tally::Tally,
    ticks, wait,
    watcher::Watcher,
};

const CHILDREN: usize = 4;

fn tuple(peer: SocketAddr) -> Tuple {
    (peer.ip(), peer)
}

/// Starts processes that do the same; `work` makes system calls only.
fn children(netns: &Netns, work: impl Fn() -> i32 + Sync) -> Vec<Forked> {
    netns.run(|| {
        let start = |_| {
            // SAFETY: so it says.
            unsafe { Forked::start(None, &work) }
        };
        (0..CHILDREN).map(start).collect()
    })
}

#[test]
fn while_they_wait_for_an_answer() {
    let netns = Netns::named(RANGE);
    let _full = FullListener::start(&netns, PORT);
    let watcher = Watcher::start(&[&netns], &["--counts"]);
    for family in [Family::V4, Family::Mapped] {
        let attempt = Attempt::new(family, None, v4(PORT));
        let children = children(&netns, || attempt.make());
        wait::until("all of them to wait", wait::SOON, || {
            let sockets = kernel_list::sockets(&netns);
            let waiting = sockets.iter().filter(|s| s.state == SYN_SENT).count();
            (waiting == CHILDREN).then_some(())
        });
        counted(&watcher, &netns, &[(tuple(v4(PORT)), CHILDREN as u32)]);
        drop(children);
        counted(&watcher, &netns, &[]);
    }
    watcher.stop();
}

#[test]
fn with_connections_open() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let watcher = Watcher::start(&[&netns], &["--counts"]);
    let attempt = Attempt::new(Family::V4, None, v4(PORT));
    let ready = Tally::new();
    let children = children(&netns, || {
        while attempt.make() == 0 {
            ready.add();
        }
        // SAFETY: takes nothing and waits for a signal.
        unsafe { libc::pause() };
        0
    });
    wait::until("every port to be taken", wait::SOON, || {
        (ready.get() == 10).then_some(())
    });
    counted(&watcher, &netns, &[(tuple(v4(PORT)), 10)]);
    drop(children);
    // The other side has closed nothing: what is left is FIN_WAIT2.
    ticks::wait_until_equal(&watcher, &[(&netns, RANGE)], wait::SOON);
    watcher.stop();
}

#[test]
fn in_the_midst_of_failures() {
    let failures = environment::scaled(2000, 200) as u64;
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let watcher = Watcher::start(&[&netns], &["--counts"]);
    let _open = netns.run(|| socket::exhaust(Family::V4, v4(PORT)));
    let attempt = Attempt::new(Family::V4, None, v4(PORT));
    let failed = Tally::new();
    let children = children(&netns, || {
        while attempt.make() == libc::EADDRNOTAVAIL {
            failed.add();
        }
        1
    });
    wait::until("a storm", wait::SOON, || {
        (failed.get() >= failures).then_some(())
    });
    drop(children);

    counted(&watcher, &netns, &[(tuple(v4(PORT)), 10)]);
    let tick = ticks::fresh(&watcher);
    let [exhausted, opened] =
        ["exhausted_total", "opened_total"].map(|key| tick.total(&netns, key, v4(PORT)));
    // The one that used the ports up, and of each child one that may not have been noted.
    let noted = 1 + failed.get();
    let unheard = ticks::unheard(&tick.tick, noted);
    let range = noted - unheard..=noted + CHILDREN as u64;
    assert!(range.contains(&exhausted), "{range:?}, {exhausted}");
    assert!(
        opened.abs_diff(10 + exhausted) <= unheard,
        "{opened}, {exhausted}"
    );
    watcher.stop();
}

#[test]
fn in_the_midst_of_connections() {
    let connections = environment::scaled(2000, 200) as u64;
    let netns = Netns::named(RANGE);
    let _server = server::listen_with(&netns, PORT, 4000);
    let watcher = Watcher::start(&[&netns], &["--counts"]);
    let attempt = Attempt::new(Family::V4, None, v4(PORT));
    let made = Tally::new();
    let children = children(&netns, || {
        loop {
            match attempt.connect() {
                Ok(socket) => {
                    made.add();
                    socket::disconnect(&socket);
                }
                Err(_) => return 1,
            }
        }
    });
    wait::until("many connections", wait::SOON, || {
        (made.get() >= connections).then_some(())
    });
    drop(children);
    ticks::wait_until_equal(&watcher, &[(&netns, RANGE)], wait::SOON);
    watcher.stop();
}
