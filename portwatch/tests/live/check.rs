//! `portwatch check`: one shot, an exit code, a line for the monitoring system.

use std::net::SocketAddr;

use socket2::Socket;

use crate::support::{
    check::{SOURCES, check, report, rows},
    netns::Netns,
    server,
    socket::Family,
};

const RANGE: std::ops::RangeInclusive<u16> = 30_000..=30_009;

fn connect(netns: &Netns, count: usize) -> Vec<Socket> {
    let peer = SocketAddr::from(([127, 0, 0, 1], 8080));
    netns.run(|| {
        (0..count)
            .map(|_| Family::V4.connect(peer).expect("connect"))
            .collect()
    })
}

#[test]
fn exit_codes_and_lines_follow_the_fullest_tuple() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, 8080);
    let netns_name = netns.selector();
    let mut open = Vec::new();
    for (more, code, word) in [
        (0, 0, "OK"),
        (4, 0, "OK"),
        (1, 1, "WARNING"),
        (3, 2, "CRITICAL"),
        (2, 2, "CRITICAL"),
    ] {
        open.extend(connect(&netns, more));
        for source in SOURCES {
            let finished = check(&[
                "--source",
                source,
                "--netns",
                &netns_name,
                "-w",
                "50%",
                "-c",
                "0.8",
            ]);
            let line = finished.stdout.trim_end();
            assert_eq!(finished.code(), code, "{line}{}", finished.stderr);
            assert!(line.contains(word), "{line}");
            assert_eq!(line.lines().count(), 1, "{line}");
            if !open.is_empty() {
                check_performance_data(line);
            }
        }
    }
}

/// `text | 'label'=value[unit];warning;critical;minimum;maximum ...`
fn check_performance_data(line: &str) {
    let (_, data) = line.split_once('|').expect("performance data");
    assert!(!data.contains('|'), "{line}");
    // A label in quotes may hold spaces.
    let mut quoted = false;
    let fields: Vec<&str> = data
        .split(|c| {
            quoted ^= c == '\'';
            c == ' ' && !quoted
        })
        .filter(|field| !field.is_empty())
        .collect();
    assert!(!fields.is_empty(), "{line}");
    for field in fields {
        let (label, values) = field.rsplit_once('=').unwrap_or_else(|| panic!("{field}"));
        assert!(!label.is_empty());
        let values: Vec<&str> = values.split(';').collect();
        assert!(values.len() <= 5, "{field}");
        let value = values[0].trim_end_matches(|c: char| c == '%' || c.is_ascii_alphabetic());
        assert!(value.parse::<f64>().is_ok(), "{field}");
        let limits = values[1..].iter().filter(|limit| !limit.is_empty());
        assert!(
            limits.clone().all(|limit| limit.parse::<f64>().is_ok()),
            "{field}"
        );
    }
}

#[test]
fn unknown_is_three_and_says_why() {
    for arguments in [
        &["--bogus"][..],
        &["-w", "150%"],
        &["-c", "much"],
        &["--source", "crystal"],
        &["--netns", "no-such-netns"],
        &["--netns", "no-such-netns", "--json"],
    ] {
        let finished = check(arguments);
        assert_eq!(finished.code(), 3, "{arguments:?}");
        let said = format!("{}{}", finished.stdout, finished.stderr);
        assert!(
            said.contains(arguments[1.min(arguments.len() - 1)]),
            "{arguments:?}: {said}"
        );
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn filters_choose_tuples() {
    let netns = Netns::named(RANGE);
    let _servers = [server::listen(&netns, 8080), server::listen(&netns, 8081)];
    let peers = [
        ([127, 0, 0, 1], 8080),
        ([127, 0, 0, 1], 8081),
        ([127, 0, 0, 2], 8080),
    ];
    let _open: Vec<_> = peers
        .map(|peer| netns.run(|| Family::V4.connect(peer.into()).expect("connect")))
        .into();
    for source in SOURCES {
        let netns_name = netns.selector();
        let base = ["--json", "--source", source, "--netns", &netns_name];
        let count = |filter: &[&str]| rows(&report(&check(&[&base, filter].concat()))).len();
        assert_eq!(count(&[]), 3);
        assert_eq!(count(&["--port", "8080"]), 2);
        assert_eq!(count(&["--port", "8080,8081"]), 3);
        assert_eq!(count(&["--peer", "127.0.0.2"]), 1);
        assert_eq!(count(&["--peer", "127.0.0.0/8", "--port", "8081"]), 1);
        assert_eq!(count(&["--peer", "10.0.0.0/8"]), 0);
    }
}
