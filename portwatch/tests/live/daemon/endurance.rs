//! Much that happens in little time: it takes no more memory and no more descriptors after it.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use super::{PORT, PORTS, RANGE, peer};
use crate::support::{
    daemon::{Daemon, everywhere},
    environment,
    load::Load,
    netns::Netns,
    scraper::scrape_until,
    server,
    socket::{self, Family},
    status::{Status, descriptors},
    wait::{self, SOON},
};

/// By how much its memory may differ, KiB: the allocator's own affair.
const SLACK: u64 = 2048;
const SCRAPE_PAUSE: Duration = Duration::from_millis(1);

/// What has to happen before its memory is looked at for the first time, and once more after.
struct Plan {
    namespaces: usize,
    connects: u64,
}

/// A namespace with a tuple that runs full, and gone again.
fn namespace() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let open = netns.run(|| socket::exhaust(Family::V4, peer()));
    assert_eq!(open.len(), PORTS as usize);
}

fn carry_out(plan: &Plan, connects: &AtomicU64) {
    let before = connects.load(Relaxed);
    (0..plan.namespaces).for_each(|_| namespace());
    wait::until("the load", plan.patience(), || {
        (connects.load(Relaxed) >= before + plan.connects).then_some(())
    });
}

impl Plan {
    fn patience(&self) -> Duration {
        SOON + Duration::from_millis(self.connects)
    }

    fn run(&self) {
        let netns = Netns::named(RANGE);
        let listener = server::listen(&netns, PORT);
        listener.set_nonblocking(true).expect("O_NONBLOCK");
        let _all = netns.run(|| socket::exhaust(Family::V4, peer()));
        let daemon = Daemon::spawn(&mut everywhere(&["--sweep-interval", "1s"]));
        let load = Load {
            netns: &netns,
            listener: &listener,
            coming: SocketAddr::from(([127, 0, 0, 2], PORT)),
            full: peer(),
        };
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let scrapes = scope.spawn(|| scrape_until(&over, daemon.address(), SCRAPE_PAUSE));
            load.during(|connects| {
                let began = Instant::now();
                let pid = daemon.pid();
                carry_out(self, connects);
                let (before, open) = (Status::of(pid).resident(), descriptors(pid));
                carry_out(self, connects);
                let after = Status::of(pid).resident();
                println!(
                    "{} namespaces, {} connects in {:?}: {before} KiB and {open} descriptors, then {after} KiB",
                    2 * self.namespaces,
                    connects.load(Relaxed),
                    began.elapsed(),
                );
                assert!(after <= before + SLACK, "{before} KiB, then {after}");
                // Tests beside this one have namespaces as well, which the daemon holds open.
                let most = open + self.namespaces / 4;
                wait::until("namespaces to be let go", SOON, || {
                    (descriptors(pid) <= most).then_some(())
                });
                println!("{} descriptors at the end", descriptors(pid));
            });
            over.store(true, Relaxed);
            println!("{:.0} scrapes a second", scrapes.join().expect("scrapes"));
        });
        let (status, lines) = daemon.stop();
        assert!(status.success(), "{status}: {:#?}", lines.last());
    }
}

#[test]
fn namespaces_connects_and_scrapes_leave_nothing_in_it() {
    Plan {
        namespaces: environment::scaled(60, 20),
        connects: environment::scaled(20_000, 6_000) as u64,
    }
    .run();
}

/// Ten connects a second for a day, half of which fail, and a thousand namespaces.
///
///     cargo test --release -p portwatch --test live endurance -- --ignored --nocapture
#[test]
#[ignore = "takes minutes"]
fn a_day_in_minutes() {
    Plan {
        namespaces: 500,
        connects: 432_000,
    }
    .run();
}

/// How long after a failed connect its line was read: of `SAMPLES`, the median, the 99th percentile and
/// the longest.
fn latency(netns: &Netns, daemon: &Daemon) -> [Duration; 3] {
    const SAMPLES: usize = 500;
    // A tuple is told ten times a second: each of so many has its turn seldom enough.
    const TUPLES: u8 = 12;
    const PAUSE: Duration = Duration::from_millis(12);
    let peers = (1..=TUPLES).map(|last| SocketAddr::from(([127, 0, 0, last], PORT)));
    let word = "\"exhausted\"";
    let mut told = daemon.arrivals(word).len() + usize::from(TUPLES);
    let _all: Vec<_> = netns.run(|| {
        let all = peers.clone().map(|peer| socket::exhaust(Family::V4, peer));
        all.collect()
    });
    wait::until("the first line of each", SOON, || {
        (daemon.arrivals(word).len() == told).then_some(())
    });
    let mut took = netns.run(|| {
        let mut took = Vec::new();
        for peer in peers.cycle().take(SAMPLES) {
            thread::sleep(PAUSE);
            let began = Instant::now();
            assert!(Family::V4.connect(peer).is_err());
            told += 1;
            took.push(wait::until("the line", SOON, || {
                Some(*daemon.arrivals(word).get(told - 1)? - began)
            }));
        }
        took
    });
    took.sort_unstable();
    [SAMPLES / 2, SAMPLES * 99 / 100, SAMPLES - 1].map(|at| took[at])
}

/// Prints how late events are without and with a thousand scrapes a second.
#[test]
#[ignore = "a measurement"]
fn scrapes_and_how_late_events_are() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let daemon = Daemon::start(&netns, &[]);
    println!("no scrapes: {:?}", latency(&netns, &daemon));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let scrapes = scope.spawn(|| scrape_until(&over, daemon.address(), SCRAPE_PAUSE));
        println!("scrapes: {:?}", latency(&netns, &daemon));
        over.store(true, Relaxed);
        println!("{:.0} scrapes a second", scrapes.join().expect("scrapes"));
    });
    println!("no scrapes: {:?}", latency(&netns, &daemon));
}
