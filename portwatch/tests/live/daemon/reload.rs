//! SIGHUP.

use std::{collections::BTreeSet, fs};

use rustix::process::Signal;

use super::{PORT, RANGE, config::file, peer};
use crate::support::{
    bpf_objects::{Object, held_by},
    daemon::Daemon,
    netns::Netns,
    server,
    socket::Family,
};

fn objects(daemon: &Daemon) -> BTreeSet<Object> {
    let objects = held_by(daemon.pid());
    assert!(!objects.is_empty());
    objects
}

#[test]
fn changes_thresholds_and_filters_and_detaches_nothing() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let file = file("warning = 0.9\ncritical = 0.95\n");
    let path = file.path().to_str().expect("UTF-8");
    let daemon = Daemon::start(&netns, &["--config", path]);
    let connect = |count: u32| -> Vec<_> {
        netns.run(|| {
            (0..count)
                .map(|_| Family::V4.connect(peer()).unwrap())
                .collect()
        })
    };
    let _open = connect(12);
    daemon.wait_for("portwatch_utilisation_max_ratio", 0.6);
    let before = objects(&daemon);

    fs::write(path, "warning = 0.5\ncritical = 0.8\nmax_tuples = 10\n").expect("write");
    daemon.signal(Signal::HUP);
    let warning = daemon.event("warning");
    assert_eq!((warning.small("used"), warning.small("capacity")), (12, 20));
    daemon.wait_for_line("what needs a restart", |line| {
        line.contains("a restart is needed for max_tuples")
            .then_some(())
    });
    let metrics = daemon.wait_for("portwatch_critical_ratio", 0.8);
    assert_eq!(metrics.of("portwatch_tracked_tuples_limit"), 65_536.0);
    let _more = connect(4);
    assert_eq!(daemon.event("critical").small("used"), 16);

    fs::write(path, "warning = 0.3\ncritcal = 0.4\n").expect("write");
    daemon.signal(Signal::HUP);
    daemon.wait_for_line("the error", |line| {
        let place = format!("{path}:2:1: critcal: no such option");
        (line.contains("stay as they were") && line.contains(&place)).then_some(())
    });
    assert_eq!(daemon.metrics().of("portwatch_warning_ratio"), 0.5);

    fs::write(path, "port = 1\n").expect("write");
    daemon.signal(Signal::HUP);
    daemon.wait_for("portwatch_tuples", 0.0);
    assert_eq!(objects(&daemon), before);
    let (status, lines) = daemon.stop();
    assert!(status.success(), "{status}: {lines:#?}");
}

#[test]
fn a_new_tuple_has_the_new_thresholds() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let file = file("");
    let path = file.path().to_str().expect("UTF-8");
    let daemon = Daemon::start(&netns, &["--config", path]);
    fs::write(path, "warning = 0.9\ncritical = 0.95\n").expect("write");
    daemon.signal(Signal::HUP);
    daemon.wait_for("portwatch_warning_ratio", 0.9);
    let connect = |count: u32| -> Vec<_> {
        netns.run(|| {
            (0..count)
                .map(|_| Family::V4.connect(peer()).unwrap())
                .collect()
        })
    };
    // At once and by then the kernel side has its old thresholds.
    let _open = connect(17);
    daemon.wait_for("portwatch_utilisation_max_ratio", 0.85);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let lines = daemon.lines();
    let alert = |line: &&String| line.contains("\"warning\"") || line.contains("\"critical\"");
    assert_eq!(lines.iter().find(alert), None);
    let _more = connect(1);
    assert_eq!(daemon.event("warning").small("used"), 18);
}
