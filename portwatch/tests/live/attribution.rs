//! Who opened the connections: those in TIME_WAIT, those of processes that have ended, those from
//! before portwatch started.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{
    forked::Forked,
    netns::Netns,
    process::{finish_once, portwatch},
    server,
    socket::{self, Attempt, Family},
    traffic,
};

const PORT: u16 = 8080;
/// Between two processes that connect.
const PACE: Duration = Duration::from_millis(50);

/// So many of them, and then nothing more happens: what portwatch reads one after the other has to
/// be of one moment.
const COUNT: usize = 10;

fn peer() -> SocketAddr {
    ([127, 0, 0, 1], PORT).into()
}

/// Runs a process of this name that opens one connection, closes it first, and ends.
fn connect_and_end(netns: &Netns, name: &std::ffi::CStr) -> u32 {
    let attempt = Attempt::new(Family::V4, None, peer());
    let child = netns.run(|| {
        // SAFETY: the child makes system calls only.
        unsafe {
            Forked::start(None, || {
                libc::prctl(libc::PR_SET_NAME, name.as_ptr());
                i32::from(attempt.connect().is_err())
            })
        }
    });
    let pid = child.pid();
    assert_eq!(child.code(), 0, "the child could not connect");
    pid
}

/// The opener that is `wanted`.
fn opener(report: &Value, wanted: impl Fn(&Value) -> bool) -> &Value {
    let openers = report["openers"].as_array().expect("openers");
    let found = openers.iter().find(|opener| wanted(opener));
    found.unwrap_or_else(|| panic!("{report}"))
}

#[test]
fn time_wait_belongs_to_who_opened_the_connection() {
    let netns = Netns::named(30_000..=30_999);
    netns.sysctl("ipv4/tcp_tw_reuse", 0);
    let server = server::listen(&netns, PORT);
    traffic::leave_time_wait(&netns, &server, peer(), 7);
    let before: Vec<_> = netns.run(|| {
        let connect = |_| Family::V4.connect(peer()).expect("connect");
        (0..5).map(connect).collect()
    });
    let mut far: Vec<_> = before
        .iter()
        .map(|_| server.accept().expect("accept").0)
        .collect();
    let mut gone = Vec::new();
    let mut own = Vec::new();
    let mut last = Instant::now();
    let (selector, peer) = (netns.selector(), peer().to_string());
    let arguments = [
        "explain", "-v", "--json", "--for", "2s", "-N", &selector, &peer,
    ];
    let finished = finish_once(&mut portwatch(&arguments), "watching for", |_| {
        if last.elapsed() > PACE && gone.len() < COUNT {
            last = Instant::now();
            gone.push(connect_and_end(&netns, c"pw-gone"));
            drop(server.accept().expect("accept"));
            own.push(netns.run(|| Family::V4.connect(self::peer()).expect("connect")));
            far.push(server.accept().expect("accept").0);
        }
    });
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    let report: Value = serde_json::from_str(&finished.stdout).expect("JSON");

    let ended = opener(&report, |it| it["comm"] == "pw-gone");
    assert_eq!(ended["ended"], true, "{report}");
    assert!(gone.iter().any(|pid| ended["pid"] == *pid), "{report}");
    assert_eq!(
        (&ended["live"], &ended["time_wait"]),
        (&0.into(), &1.into()),
        "{report}"
    );

    let this = opener(&report, |it| it["pid"] == std::process::id());
    assert_eq!(this["ended"], false, "{report}");
    let live = this["live"].as_u64().expect("a number");
    assert!(live > 5 && live <= 5 + own.len() as u64, "{report}");

    // In TIME_WAIT since before: nobody can tell any more.
    let nobody = opener(&report, |it| it["pid"].is_null());
    assert!(nobody["time_wait"].as_u64() >= Some(7), "{report}");
    assert_eq!(nobody["live"], 0, "{report}");

    let openers = report["openers"].as_array().expect("openers");
    let sum = |key: &str| -> u64 { openers.iter().filter_map(|it| it[key].as_u64()).sum() };
    assert_eq!(
        Some(sum("time_wait")),
        report["states"]["time_wait"].as_u64(),
        "{report}"
    );
    assert_eq!(
        Some(sum("live")),
        report["states"]["established"].as_u64(),
        "{report}"
    );
    own.into_iter().chain(before).for_each(socket::reset);
}
