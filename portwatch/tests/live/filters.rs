//! `watch` shows what it is asked for, and nothing else.

use std::{ffi::CString, net::SocketAddr};

use crate::support::{
    netns::Netns,
    server,
    socket::{self, Family},
    watcher::Watcher,
};

const RANGE: std::ops::RangeInclusive<u16> = 30_000..=30_009;

/// Exhausts the tuple of `peer` from a thread of this name, and lets go.
fn exhaust(netns: &Netns, comm: &str, peer: SocketAddr) {
    netns.run(|| {
        rustix::thread::set_name(&CString::new(comm).unwrap()).unwrap();
        socket::exhaust(Family::V4, peer)
            .iter()
            .for_each(socket::disconnect);
    });
}

#[test]
fn by_port_peer_process_and_namespace() {
    let (netns, elsewhere) = (Netns::named(RANGE), Netns::named(RANGE));
    let _servers = [
        server::listen(&netns, 8080),
        server::listen(&netns, 8081),
        server::listen(&elsewhere, 8081),
    ];
    let wanted = SocketAddr::from(([127, 0, 0, 2], 8081));
    let pid = std::process::id().to_string();
    for filter in [
        &["--port", "8081"][..],
        &["--port", "1,8081"],
        &["--peer", "127.0.0.2"],
        &["--peer", "127.0.0.2/31"],
        &["--comm", "wanted"],
        &["--comm", "wanted", "--pid", &pid, "--port", "8081"],
    ] {
        let watcher = Watcher::start(&[&netns], filter);
        exhaust(&elsewhere, "wanted", wanted);
        exhaust(&netns, "other", ([127, 0, 0, 1], 8080).into());
        exhaust(&netns, "wanted", wanted);
        watcher.first("exhausted");
        let mut events = watcher.stop();
        // The end of an alert has no process: it passes a filter on processes.
        events.retain(|event| !event.is("started") && !event.is("recovered"));
        for kind in ["warning", "critical", "exhausted"] {
            assert_eq!(
                events.iter().filter(|e| e.is(kind)).count(),
                1,
                "{filter:?}: {kind}"
            );
        }
        for event in events {
            assert_eq!(event.tuple(), ([127, 0, 0, 1].into(), wanted), "{filter:?}");
            assert_eq!(event.small("netns"), netns.inum());
        }
    }
}

#[test]
fn another_process_is_not_shown() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, 8080);
    let everything = Watcher::start(&[&netns], &[]);
    let init_only = Watcher::start(&[&netns], &["--pid", "1"]);
    exhaust(&netns, "client", ([127, 0, 0, 1], 8080).into());
    everything.first("exhausted");
    everything.stop();
    assert!(
        init_only
            .stop()
            .iter()
            .all(|e| e.is("started") || e.is("recovered"))
    );
}
