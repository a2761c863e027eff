//! Under a service manager.

use std::{
    os::unix::net::UnixDatagram,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::RANGE;
use crate::support::{
    bpf_objects::{held_by, wait_for_end},
    daemon::{Daemon, command},
    netns::Netns,
    wait::SOON,
};

/// What was told, until a message satisfies the caller.
fn told(manager: &UnixDatagram, mut pick: impl FnMut(&str) -> bool) -> String {
    let deadline = Instant::now() + SOON;
    let mut heard = Vec::new();
    while Instant::now() < deadline {
        let mut bytes = [0; 4096];
        if let Ok(length) = manager.recv(&mut bytes) {
            let message = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if pick(&message) {
                return message;
            }
            heard.push(message);
        }
    }
    panic!("heard only {heard:#?}");
}

fn has(message: &str, line: &str) -> bool {
    message.lines().any(|it| it == line)
}

#[test]
fn it_tells_its_manager_how_it_does() {
    let netns = Netns::named(RANGE);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("bind");
    let often = Duration::from_millis(100);
    manager.set_read_timeout(Some(often)).expect("SO_RCVTIMEO");
    let mut command = command(&netns, &[]);
    command.env("NOTIFY_SOCKET", &path);
    command.env("WATCHDOG_USEC", "400000");
    let daemon = Daemon::spawn(&mut command);
    let ready = told(&manager, |message| has(message, "READY=1"));
    assert!(
        ready.contains("STATUS=0 tuples; 0 connects found no port"),
        "{ready}"
    );
    for _ in 0..3 {
        told(&manager, |message| has(message, "WATCHDOG=1"));
    }
    daemon.signal(Signal::HUP);
    let reloading = told(&manager, |message| has(message, "RELOADING=1"));
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    told(&manager, |message| has(message, "READY=1"));
    let (status, lines) = daemon.stop();
    assert!(status.success(), "{status}: {lines:#?}");
    told(&manager, |message| has(message, "STOPPING=1"));
}

#[test]
fn nothing_stays_behind() {
    let netns = Netns::named(RANGE);
    let daemon = Daemon::start(&netns, &[]);
    let objects = held_by(daemon.pid());
    assert!(objects.len() > 10, "{objects:?}");
    let (status, lines) = daemon.stop();
    assert!(status.success(), "{status}: {lines:#?}");
    wait_for_end(&objects);
}
