//! Warnings come where the ports end, not where the range does.

use std::net::SocketAddr;

use super::room::Client;
use crate::support::{netns::Netns, server, socket::Family, watcher::Watcher};

const PORT: u16 = 8080;

#[test]
fn half_of_the_range_blocked_is_a_warning_at_half_of_the_figure() {
    let netns = Netns::named(30_000..=30_039);
    let _server = server::listen(&netns, PORT);
    // Clients that bind before they connect, to another server.
    let _other = server::listen(&netns, PORT + 1);
    let _blocking: Vec<_> = netns.run(|| {
        let client = |_| {
            let socket = Family::V4.socket();
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            socket.bind(&any.into()).expect("bind");
            let peer = SocketAddr::from(([127, 0, 0, 1], PORT + 1));
            socket.connect(&peer.into()).expect("connect");
            socket
        };
        (0..20).map(client).collect()
    });
    let watcher = Watcher::start(&[&netns], &[]);
    let started = watcher.first("started");
    let namespace = &started.0["namespaces"][0];
    assert_eq!(
        (&namespace["blocked"], &namespace["capacity"]),
        (&20.into(), &20.into())
    );
    let open = Client::local(Family::V4, PORT).exhaust(&netns);
    assert_eq!(open.len(), 20);
    let warning = watcher.first("warning");
    assert_eq!((warning.small("used"), warning.small("capacity")), (10, 20));
    let critical = watcher.first("critical");
    assert_eq!(critical.small("used"), 16);
    let exhausted = watcher.first("exhausted");
    assert_eq!(
        (exhausted.small("used"), exhausted.small("capacity")),
        (20, 20)
    );
    watcher.stop();
}

/// Ports that get blocked while connections are open are noticed within a few seconds.
#[test]
fn ports_that_get_blocked_later_move_the_warning() {
    let netns = Netns::named(30_000..=30_039);
    let _server = server::listen(&netns, PORT);
    let watcher = Watcher::start(&[&netns], &["--counts"]);
    let client = Client::local(Family::V4, PORT);
    let _some = client.open(&netns, 9);
    let _idle: Vec<_> = netns.run(|| {
        let bound = |_| {
            let socket = Family::V4.socket();
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            socket.bind(&any.into()).expect("bind");
            socket
        };
        (0..20).map(bound).collect()
    });
    watcher.wait_for("the new capacity", |events| {
        let last = events.iter().rev().find(|event| event.is("sample"))?;
        (last.small("capacity") == 20).then_some(())
    });
    assert!(!watcher.events().iter().any(|event| event.is("warning")));
    let _one = client.open(&netns, 1);
    assert_eq!(watcher.first("warning").small("used"), 10);
    watcher.stop();
}
