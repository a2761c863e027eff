//! What existed before the program, and what remains after it.

use std::net::SocketAddr;

use socket2::Socket;

use crate::support::{
    bpf_objects,
    kernel_list::{self, Count, Counts},
    netns::Netns,
    server,
    socket::{self, Family},
    ticks, traffic, wait,
    watcher::Watcher,
};

const RANGE: std::ops::RangeInclusive<u16> = 30_000..=30_099;
const LIVE: u32 = 5;
const TIME_WAIT: u32 = 3;

/// A namespace with connections in it: on each of two tuples live ones, on one TIME_WAIT too.
struct Busy {
    netns: Netns,
    live: Vec<Socket>,
    _listeners: [std::net::TcpListener; 2],
}

impl Busy {
    fn new(netns: Netns) -> Self {
        let held = server::listen(&netns, 8080);
        let closing = server::listen(&netns, 8081);
        traffic::leave_time_wait(&netns, &closing, v4(8081), TIME_WAIT as usize);
        let live = netns.run(|| {
            (0..LIVE)
                .flat_map(|_| {
                    [
                        (Family::V4, v4(8080)),
                        (Family::Mapped, v4(8081)),
                        (Family::V6, v6()),
                    ]
                })
                .map(|(family, peer)| family.connect(peer).expect("connect"))
                .collect()
        });
        Self {
            netns,
            live,
            _listeners: [held, closing],
        }
    }

    /// What both lists must say.
    fn expected() -> Counts {
        let count = |time_wait| Count {
            used: LIVE + time_wait,
            time_wait,
        };
        Counts::from([
            ((v4(0).ip(), v4(8080)), count(0)),
            ((v4(0).ip(), v4(8081)), count(TIME_WAIT)),
            ((v6().ip(), v6()), count(0)),
        ])
    }
}

fn v4(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn v6() -> SocketAddr {
    (std::net::Ipv6Addr::LOCALHOST, 8080).into()
}

#[test]
fn sockets_opened_before_the_start_are_counted_and_again_after_a_kill() {
    let busy = [Netns::named(RANGE), Netns::held_by_a_process(RANGE)].map(Busy::new);
    let netns = [&busy[0].netns, &busy[1].netns];
    for _ in 0..3 {
        let watcher = Watcher::start(&netns, &["--counts"]);
        let first = ticks::fresh(&watcher);
        for netns in netns {
            assert_eq!(kernel_list::counts(netns, &RANGE), Busy::expected());
            assert_eq!(
                first.counts(netns),
                Busy::expected(),
                "{}",
                netns.selector()
            );
        }
        watcher.kill();
    }

    // Sockets found at the start are followed like any other.
    let watcher = Watcher::start(&netns, &["--counts"]);
    let places = netns.map(|netns| (netns, RANGE));
    busy.iter()
        .flat_map(|b| &b.live)
        .for_each(socket::disconnect);
    let tick = ticks::wait_until_equal(&watcher, &places, wait::SOON);
    let left = Count {
        used: TIME_WAIT,
        time_wait: TIME_WAIT,
    };
    for netns in netns {
        assert_eq!(
            tick.counts(netns),
            Counts::from([((v4(0).ip(), v4(8081)), left)])
        );
    }
    watcher.stop();
}

#[test]
fn nothing_stays_attached_or_pinned() {
    let netns = Netns::named(RANGE);
    for end in [Watcher::kill, |watcher: Watcher| drop(watcher.stop())] {
        let watcher = Watcher::start(&[&netns], &[]);
        let objects = bpf_objects::held_by(watcher.pid());
        assert!(!objects.is_empty());
        assert!(objects.iter().all(|object| bpf_objects::exists(*object)));
        end(watcher);
        bpf_objects::wait_for_end(&objects);
    }
}
