//! connect(2) slows down long before it fails: from half of the range on, its search has to look
//! at one half of the ports in vain each time.

use std::{
    io::Write,
    net::SocketAddr,
    time::{Duration, Instant},
};

use socket2::Socket;

use crate::support::{
    event::Event,
    hooks, kernel_list,
    netns::Netns,
    server,
    socket::{self, Family},
    ticks, wait,
    watcher::Watcher,
};

const FIRST: u16 = 30_000;
const PORTS: u16 = 4000;
const HALF: usize = PORTS as usize / 2;
/// Connections on either side of the half that are measured.
const SAMPLES: usize = 50;
/// Connections before the half that are left out: the last even ports are found by and by.
const MARGIN: usize = 100;

/// A tuple that fills up.
struct Filling<'a> {
    netns: &'a Netns,
    peer: SocketAddr,
    open: Vec<Socket>,
}

impl Filling<'_> {
    /// Opens connections until there are so many; returns the median time of a connect(2).
    fn up_to(&mut self, count: usize) -> Duration {
        let (netns, peer) = (self.netns, self.peer);
        let more = count - self.open.len();
        let mut times = Vec::new();
        let mut opened = netns.run(|| {
            let connect = |_| {
                let socket = Family::V4.socket();
                let start = Instant::now();
                socket.connect(&peer.into()).expect("connect");
                times.push(start.elapsed());
                socket
            };
            (0..more).map(connect).collect()
        });
        self.open.append(&mut opened);
        times.sort();
        times[times.len() / 2]
    }
}

#[test]
fn told_from_half_of_the_range_on() {
    if hooks::in_use() == "tracepoint" {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: slow searches: the hook set tracepoint can't measure them"
        );
        return;
    }
    let netns = Netns::named(FIRST..=FIRST + PORTS - 1);
    netns.sysctl("core/somaxconn", 65_535);
    let _server = server::listen_with(&netns, 8080, 65_535);
    let peer = SocketAddr::from(([127, 0, 0, 1], 8080));
    let mut filling = Filling {
        netns: &netns,
        peer,
        open: Vec::new(),
    };
    let threshold = between(&mut filling);
    filling.open.iter().for_each(socket::disconnect);
    filling.open.clear();
    wait::until("every port to be free", wait::SOON, || {
        let sockets = kernel_list::sockets(&netns);
        (!sockets.iter().any(|s| s.peer == peer)).then_some(())
    });

    let argument = format!("{}us", threshold.as_micros());
    let watcher = Watcher::start(&[&netns], &["--counts", "--slow-search", &argument]);
    filling.up_to(HALF - MARGIN);
    // What was told is here now.
    ticks::fresh(&watcher);
    filling.up_to(HALF + SAMPLES);
    let slow = watcher.first("slow_search");
    assert_eq!(slow.tuple(), (peer.ip(), peer));
    assert_eq!(slow.small("netns"), netns.inum());
    assert_eq!(slow.small("pid"), std::process::id());
    let took = Duration::from_secs_f64(slow.0["search_seconds"].as_f64().expect("seconds"));
    assert!(
        took > threshold && took < Duration::from_secs(4),
        "{took:?}, {threshold:?}"
    );
    assert!(slow.is_null("cause") && slow.is_null("errno"), "{slow:?}");

    let told: Vec<Event> = watcher
        .stop()
        .into_iter()
        .filter(|e| e.is("slow_search"))
        .collect();
    // Some searches in a row must be slow.
    let soon = HALF - MARGIN..=HALF + SAMPLES;
    for event in &told {
        assert!(soon.contains(&(event.small("used") as usize)), "{event:?}");
    }
    assert_eq!(told.len(), 1, "once, not for each search: {told:#?}");
}

/// A time well above that of a search before the half, and well below that of one after it.
fn between(filling: &mut Filling) -> Duration {
    filling.up_to(HALF - MARGIN - SAMPLES);
    let before = filling.up_to(HALF - MARGIN);
    filling.up_to(HALF);
    let after = filling.up_to(HALF + SAMPLES);
    assert!(
        after > before * 3,
        "{before:?} before the half, {after:?} after it"
    );
    Duration::from_secs_f64((before.as_secs_f64() * after.as_secs_f64()).sqrt())
}
