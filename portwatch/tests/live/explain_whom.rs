//! Which tuple a report is about, and the forms that it has.

use std::{net::SocketAddr, ops::RangeInclusive};

use serde_json::Value;
use socket2::Socket;

use crate::support::{
    netns::Netns,
    process::{finish, finish_once, portwatch, refuses, succeed},
    server,
    socket::{self, Family},
};

const RANGE: RangeInclusive<u16> = 30_000..=30_049;

fn peer(host: u8, port: u16) -> SocketAddr {
    ([127, 0, 0, host], port).into()
}

fn open(netns: &Netns, peer: SocketAddr, count: usize) -> Vec<Socket> {
    netns.run(|| {
        let connect = |_| Family::V4.connect(peer).expect("connect");
        (0..count).map(connect).collect()
    })
}

fn report(netns: &Netns, whom: &[&str]) -> Value {
    let selector = netns.selector();
    let arguments = ["explain", "-v", "--json", "--for", "500ms", "-N", &selector];
    let told = succeed(&mut portwatch(&[&arguments, whom].concat()));
    serde_json::from_str(&told).expect("JSON")
}

fn about(report: &Value) -> (Option<&str>, Option<u64>) {
    (report["peer_ip"].as_str(), report["peer_port"].as_u64())
}

#[test]
fn the_fullest_tuple_unless_another_is_asked_for() {
    let netns = Netns::named(RANGE);
    let nothing = report(&netns, &[]);
    assert_eq!(nothing["verdict"], Value::Null);
    assert!(
        nothing["reason"]
            .as_str()
            .is_some_and(|it| it.starts_with("no connection"))
    );

    let _servers = [8080, 8081].map(|port| server::listen(&netns, port));
    let _open = [
        open(&netns, peer(1, 8080), 10),
        open(&netns, peer(1, 8081), 40),
        open(&netns, peer(2, 8080), 20),
        open(&netns, peer(2, 8081), 5),
    ];
    assert_eq!(about(&report(&netns, &[])), (Some("127.0.0.1"), Some(8081)));
    let second = report(&netns, &["127.0.0.2"]);
    assert_eq!(about(&second), (Some("127.0.0.2"), Some(8080)));
    let last = report(&netns, &["127.0.0.2:8081"]);
    assert_eq!(about(&last), (Some("127.0.0.2"), Some(8081)));
    assert_eq!(last["states"]["established"], 5);
    assert_eq!(last["ages"]["unknown"], 5);
}

/// A tuple that begins to fail while portwatch looks is more than one that is fuller.
#[test]
fn what_fails_comes_first() {
    let netns = Netns::named(RANGE);
    let _servers = [8080, 8081].map(|port| server::listen(&netns, port));
    let mut open = open(&netns, peer(1, 8081), 49);
    // One address of two: the tuple of the other one has room.
    let mut exhausted = netns.run(|| socket::exhaust(Family::V4, peer(1, 8080)));
    open.append(&mut exhausted);
    let selector = netns.selector();
    let arguments = ["explain", "-v", "--json", "--for", "1s", "-N", &selector];
    let finished = finish_once(&mut portwatch(&arguments), "watching for", |_| {
        let refused = netns.run(|| Family::V4.connect(peer(1, 8080)));
        assert!(refused.is_err(), "there was a port left");
    });
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    let report: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(about(&report), (Some("127.0.0.1"), Some(8080)), "{report}");
    assert!(
        report["failures"]["exhausted"].as_u64() > Some(0),
        "{report}"
    );
    assert!(report["failing_since"].is_string(), "{report}");
    assert_eq!(report["headroom_max"], 0, "{report}");
}

/// Failures are remembered of a namespace that has ended, which can't be looked at any more.
#[test]
fn a_namespace_that_ended_meanwhile_is_left_out() {
    let (stays, ends) = (Netns::named(RANGE), Netns::named(RANGE));
    let _servers = [&stays, &ends].map(|netns| server::listen(netns, 8080));
    // Nobody else's tests go to this peer.
    let peer = peer(177, 8080);
    let _open = open(&stays, peer, 5);
    let mut failing = Some(ends);
    let arguments = ["explain", "-v", "--json", "--for", "2s", "127.0.0.177"];
    let finished = finish_once(&mut portwatch(&arguments), "watching for", |_| {
        if let Some(ends) = failing.take() {
            drop(ends.run(|| socket::exhaust(Family::V4, peer)));
        }
    });
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    let report: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(report["netns"], stays.inum(), "{report}");
    assert_eq!(report["states"]["established"], 5, "{report}");
}

#[test]
fn a_report_to_paste() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, 8080);
    let _open = open(&netns, peer(1, 8080), 45);
    let selector = netns.selector();
    let arguments = ["explain", "--for", "200ms", "-N", &selector];
    let markdown = succeed(&mut portwatch(&[&arguments[..], &["--markdown"]].concat()));
    let title = "### Ports of `127.0.0.1 -> 127.0.0.1:8080` in ";
    assert!(markdown.starts_with(title), "{markdown}");
    let this = format!("\\[{}\\]: 45 live", std::process::id());
    assert!(
        markdown.contains("| opened by | ") && markdown.contains(&this),
        "{markdown}"
    );
    assert!(markdown.contains("   ```sh\n"), "{markdown}");
    let text = succeed(&mut portwatch(&arguments));
    assert!(text.contains("\n  state       90 % used"), "{text}");
    assert!(text.contains("\n  states      45 established\n"), "{text}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (words, complaint) in [
        (vec!["nonsense"], "\"nonsense\" is no peer"),
        (vec!["--local", "127.0.0.1"], "required"),
        (vec!["--json", "--markdown"], "cannot be used with"),
        (vec!["-N", "no-such-namespace"], "no-such-namespace"),
    ] {
        let arguments = [&["explain", "--for", "200ms"], &words[..]].concat();
        refuses(&finish(&mut portwatch(&arguments)), 2, &[complaint]);
    }
}
