//! What is exposed is what happened.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use rustix::io::Errno;

use super::{PORT, PORTS, RANGE, peer};
use crate::support::{
    check::{check, report},
    daemon::Daemon,
    netns::Netns,
    server,
    socket::{self, Family},
};

const FAILURES: f64 = 7.0;
const EXHAUSTED: &str = "portwatch_connect_failures_total{cause=\"exhausted\"}";

fn series(name: &str, netns: &Netns) -> String {
    let netns = netns.selector();
    format!(
        "portwatch_tuple_{name}{{netns=\"{netns}\",local_ip=\"127.0.0.1\",peer_ip=\"127.0.0.1\",peer_port=\"{PORT}\"}}"
    )
}

#[test]
fn are_what_check_says_and_what_was_done() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let daemon = Daemon::start(&netns, &[]);
    let metrics = daemon.metrics();
    assert_eq!(metrics.of(EXHAUSTED), 0.0);
    assert_eq!(metrics.of("portwatch_connects_total"), 0.0);
    assert_eq!(metrics.of("portwatch_utilisation_max_ratio"), 0.0);

    let mut open: Vec<_> = netns.run(|| {
        (0..13)
            .map(|_| Family::V4.connect(peer()).unwrap())
            .collect()
    });
    let metrics = daemon.wait_for(&series("ports_used", &netns), 13.0);
    let report = report(&check(&["--json", "--netns", &netns.selector()]));
    let tuple = &report["tuples"][0];
    for (name, key) in [
        ("ports_used", "used"),
        ("ports_capacity", "capacity"),
        ("ports_time_wait", "time_wait"),
    ] {
        let expected = tuple[key].as_f64().expect(key);
        assert_eq!(metrics.of(&series(name, &netns)), expected, "{name}");
    }
    assert_eq!(metrics.of("portwatch_utilisation_max_ratio"), 0.65);
    assert_eq!(metrics.of("portwatch_tuples"), 1.0);

    open.extend(netns.run(|| socket::exhaust(Family::V4, peer())));
    netns.run(|| {
        for _ in 1..FAILURES as u32 {
            let failed = Family::V4.connect(peer());
            assert_eq!(socket::errno(&failed), Some(Errno::ADDRNOTAVAIL));
        }
    });
    assert_eq!(open.len(), PORTS as usize);
    let metrics = daemon.wait_for(EXHAUSTED, FAILURES);
    assert_eq!(metrics.of(&series("ports_used", &netns)), f64::from(PORTS));
    assert_eq!(metrics.of(&series("exhausted_total", &netns)), FAILURES);
    assert_eq!(metrics.of("portwatch_connects_total"), f64::from(PORTS));
    assert_eq!(metrics.of("portwatch_utilisation_max_ratio"), 1.0);

    open.iter().for_each(socket::disconnect);
    // One that failed stays in sight when it is empty.
    let metrics = daemon.wait_for(&series("ports_used", &netns), 0.0);
    assert_eq!(metrics.of(&series("exhausted_total", &netns)), FAILURES);
    assert_eq!(metrics.of(EXHAUSTED), FAILURES);
    assert_eq!(metrics.of("portwatch_degraded"), 0.0);
}

#[test]
fn counters_never_fall() {
    let netns = Netns::named(RANGE);
    let server = server::listen(&netns, PORT);
    server.set_nonblocking(true).expect("O_NONBLOCK");
    let daemon = Daemon::start(&netns, &["--interval", "20ms"]);
    let mut before = daemon.metrics();
    for _ in 0..30 {
        let open = netns.run(|| socket::exhaust(Family::V4, peer()));
        open.iter().for_each(socket::disconnect);
        while server.accept().is_ok() {}
        let after = daemon.metrics();
        for (series, value) in before.counters() {
            // A tuple may go from sight; the others may not.
            if !series.starts_with("portwatch_tuple_") || after.get(series).is_some() {
                assert!(after.of(series) >= value, "{series} fell from {value}");
            }
        }
        before = after;
    }
    daemon.wait_for("portwatch_connects_total", f64::from(30 * PORTS));
    daemon.wait_for(EXHAUSTED, 30.0);
}

#[test]
fn pass_promtool() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let daemon = Daemon::start(&netns, &[]);
    let _open = netns.run(|| socket::exhaust(Family::V4, peer()));
    daemon.wait_for(EXHAUSTED, 1.0);
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = match promtool {
        Ok(promtool) => promtool,
        Err(error) => {
            eprintln!("skipped: promtool: {error}");
            return;
        }
    };
    let page = daemon.get("/metrics").body;
    let mut stdin = promtool.stdin.take().expect("piped");
    stdin.write_all(page.as_bytes()).expect("write");
    drop(stdin);
    let checked = promtool.wait_with_output().expect("promtool");
    let said = String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned();
    assert!(
        checked.status.success() && said.is_empty(),
        "{said}\n{page}"
    );
}
