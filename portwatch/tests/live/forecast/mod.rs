//! The forecast on the running kernel: a fill is told before it fails, a churn that fits is not.

mod fills;
mod script;

use std::{
    net::{SocketAddr, TcpListener},
    time::{Duration, Instant},
};

use rustix::io::Errno;
use socket2::Socket;

use crate::support::{
    event::Event,
    netns::Netns,
    server,
    socket::{self, Family},
    watcher::Watcher,
};

const PORT: u16 = 8080;
const CAPACITY: u32 = 200;
const RANGE: std::ops::RangeInclusive<u16> = 30_000..=30_199;

fn peer() -> SocketAddr {
    SocketAddr::new(Family::V4.loopback(), PORT)
}

/// Calls `step` at even intervals for a time, or until it returns false.
fn paced(interval: Duration, time: Duration, mut step: impl FnMut() -> bool) {
    let begin = Instant::now();
    let mut next = begin;
    while begin.elapsed() < time && step() {
        next += interval;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn of_kind<'a>(events: &'a [Event], kind: &str) -> Vec<&'a Event> {
    events.iter().filter(|event| event.is(kind)).collect()
}

/// One connection that ends at once, in TIME_WAIT here; false where there is no port for it.
fn churn(listener: &TcpListener) -> bool {
    match connect() {
        Some(client) => {
            let (server, _) = listener.accept().expect("accept");
            socket::close(client);
            drop(server);
            true
        }
        None => false,
    }
}

/// A connection, or none where there is no port for it.
fn connect() -> Option<Socket> {
    match Family::V4.connect(peer()) {
        Ok(client) => Some(client),
        Err(error) => {
            assert_eq!(Errno::from_io_error(&error), Some(Errno::ADDRNOTAVAIL));
            None
        }
    }
}

#[test]
fn a_steady_fill_is_told_before_it_fails() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let watcher = Watcher::start(&[&netns], &["--eta-warning", "5s"]);
    let mut open = Vec::new();
    netns.run(|| {
        // Ten seconds for the whole range.
        let (interval, time) = (Duration::from_millis(50), Duration::from_secs(60));
        paced(interval, time, || {
            let client = connect();
            let goes_on = client.is_some();
            open.extend(client);
            goes_on
        });
    });
    assert_eq!(open.len(), CAPACITY as usize);
    watcher.first("exhausted");
    let events = watcher.stop();
    let place = |kind: &str| events.iter().position(|e| e.is(kind)).expect(kind);
    assert!(place("eta_warning") < place("exhausted"));
    let warnings = of_kind(&events, "eta_warning");
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    let warning = warnings[0];
    assert_eq!(warning.tuple(), (Family::V4.loopback(), peer()));
    assert_eq!(warning.small("capacity"), CAPACITY);
    // Half full, it has as long to go as the fill took so far.
    assert!(warning.small("used") < CAPACITY * 4 / 5, "{warning:?}");
    let left = warning.0["seconds_to_exhaustion"].as_f64();
    assert!(left.is_some_and(|left| left < 5.0), "{warning:?}");
    assert!(warning.is_null("pid"));
}

#[test]
fn a_churn_that_fits_is_not_told() {
    let netns = Netns::named(RANGE);
    netns.sysctl("ipv4/tcp_tw_reuse", 0);
    let listener = server::listen(&netns, PORT);
    let watcher = Watcher::start(&[&netns], &["--eta-warning", "60s"]);
    netns.run(|| {
        // Three a second hold 180 ports at most. While it grows, a straight line says full in
        // less than a minute from the sixth second on.
        let (interval, time) = (Duration::from_millis(333), Duration::from_secs(40));
        paced(interval, time, || {
            assert!(churn(&listener), "it fits");
            true
        });
    });
    let warning = watcher.first("warning");
    assert_eq!(warning.small("used"), CAPACITY / 2);
    assert!(warning.small("time_wait") > 0);
    assert!(warning.is_null("seconds_to_exhaustion"), "{warning:?}");
    let events = watcher.stop();
    assert!(of_kind(&events, "eta_warning").is_empty(), "{events:#?}");
}

/// On loopback connect takes TIME_WAIT back after a second or two: nearly full is as good as empty.
#[test]
fn a_churn_that_is_reused_is_not_told() {
    let netns = Netns::named(30_000..=30_099);
    netns.sysctl("ipv4/tcp_tw_reuse", 2);
    let listener = server::listen(&netns, PORT);
    let limits = ["--warning", "40%", "--eta-warning", "60s"];
    let watcher = Watcher::start(&[&netns], &[&limits[..], &["--counts"]].concat());
    netns.run(|| {
        // Eight a second: some thirty at most are too young to be taken.
        let (interval, time) = (Duration::from_millis(125), Duration::from_secs(25));
        paced(interval, time, || {
            assert!(churn(&listener), "it fits");
            true
        });
    });
    let tick = watcher.tick();
    let sample = tick.of(&netns).next().expect("the tuple");
    // Connect tries every other port first, and of those it never runs out.
    assert!(sample.small("used") > 40, "{sample:?}");
    assert!(
        sample.small("reclaimable") * 2 > sample.small("used"),
        "{sample:?}"
    );
    let events = watcher.stop();
    for kind in ["warning", "critical", "eta_warning", "exhausted"] {
        assert!(of_kind(&events, kind).is_empty(), "{events:#?}");
    }
}
