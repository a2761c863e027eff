//! What the daemon gives back, and that it works without.

use std::{fs, net::SocketAddr, os::unix::fs::symlink, process::Command};

use portwatch::kernel::host::{
    Capability::{self, Bpf, DacReadSearch, SysAdmin, SysPtrace},
    Host,
};
use rustix::process::Signal;

use super::{PORTS, RANGE, config::file};
use crate::support::{
    daemon::{Daemon, everywhere},
    event::Event,
    netns::Netns,
    server,
    socket::{self, Family},
    status::{Status, mask},
    unprivileged::{self, of_unit, with_ambient},
    wait,
};

/// What the threads that look at other processes keep, and the one that serves.
const LOOK: [Capability; 4] = [Bpf, SysAdmin, SysPtrace, DacReadSearch];
const SERVE: [Capability; 3] = [Bpf, SysPtrace, DacReadSearch];

/// A peer port of these tests' own.
const PORT: u16 = 8090;

fn peer() -> SocketAddr {
    ([127, 0, 0, 1], PORT).into()
}

/// A daemon for every namespace there is, now and later. Those of other tests have other peers.
fn command(arguments: &[&str]) -> Command {
    let port = PORT.to_string();
    everywhere(&[&["--port", &port, "--top", "1000"], arguments].concat())
}

/// Every thread holds these capabilities and no others, may get none, and is under a filter.
fn confined(daemon: &Daemon, bounding: u64) {
    // A thread takes its name when it first runs, which on a busy machine may be after the start.
    let threads = wait::until("three threads with their names", wait::SOON, || {
        let threads = Status::of_threads(daemon.pid());
        let mut names: Vec<_> = threads.iter().map(|thread| thread.text("Name")).collect();
        // Threads come and go that enter a namespace for a walk.
        names.retain(|name| *name != "netns");
        names.sort_unstable();
        (names == ["keeper", "portwatch", "scout"]).then_some(threads)
    });
    for thread in &threads {
        let kept = match thread.text("Name") {
            "portwatch" => mask(&SERVE),
            _ => mask(&LOOK),
        };
        for (set, expected) in [
            ("CapEff", kept),
            ("CapPrm", kept),
            ("CapInh", 0),
            ("CapAmb", 0),
            ("CapBnd", bounding),
        ] {
            assert_eq!(thread.capabilities(set), expected, "{set} of {thread:?}");
        }
        assert_eq!(thread.text("NoNewPrivs"), "1");
        assert_eq!(thread.text("Seccomp"), "2", "{thread:?}");
    }
}

fn used(netns: &Netns) -> String {
    let netns = netns.selector();
    format!(
        "portwatch_tuple_ports_used{{netns=\"{netns}\",local_ip=\"127.0.0.1\",peer_ip=\"127.0.0.1\",peer_port=\"{PORT}\"}}"
    )
}

fn connect(netns: &Netns, count: u32) -> Vec<socket2::Socket> {
    let one = |_| Family::V4.connect(peer()).expect("connect");
    netns.run(|| (0..count).map(one).collect())
}

/// A daemon does all that it is there for, confined: started by root, or as the unit does with these
/// capabilities.
fn works(given: Option<&[Capability]>) {
    // Both exist before it; only the `/proc` of a process leads to the second.
    let before = Netns::named(RANGE);
    let hidden = Netns::held_by_a_process(RANGE);
    let _servers = [&before, &hidden].map(|netns| server::listen(netns, PORT));
    let _open = (connect(&before, 7), connect(&hidden, 5));
    let file = file("");
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(file.path(), readable).expect("chmod");
    let path = file.path().to_str().expect("UTF-8");
    let mut command = command(&["--config", path, "--sweep-interval", "1s"]);
    if let Some(given) = given {
        with_ambient(&mut command, given);
    }
    let daemon = Daemon::spawn(&mut command);
    // Emptying this set takes a capability that the unit does not give: there it stays as it was.
    let bounding = given.map_or(0, mask);
    confined(&daemon, bounding);
    let user = given.map_or(0, |_| unprivileged::USER).to_string();
    let owner = Status::of(daemon.pid()).text("Uid").to_owned();
    assert!(
        owner.split_ascii_whitespace().all(|id| id == user),
        "{owner}"
    );
    daemon.wait_for(&used(&before), 7.0);
    let unnamed = format!("netns=\"{}\"", hidden.inum());
    let counted = used(&hidden);
    assert!(counted.contains(&unnamed), "{counted}");
    daemon.wait_for(&counted, 5.0);

    let later = Netns::named(RANGE);
    let _server = server::listen(&later, PORT);
    let _all = later.run(|| socket::exhaust(Family::V4, peer()));
    daemon.wait_for(&used(&later), PORTS.into());
    let failed = daemon.wait_for_line("who failed", |line| {
        let event = line.starts_with('{').then(|| Event::parse(line))?;
        (event.is("exhausted") && event.small("netns") == later.inum()).then_some(event)
    });
    assert_eq!(failed.small("pid"), std::process::id());
    assert!(!failed.text("comm").is_empty() && !failed.is_null("cgroup"));

    // The walk of the start is none.
    wait::until("a sweep", wait::SWEEPS, || {
        let swept = daemon.metrics().of("portwatch_sweeps_total");
        (swept >= 1.0).then_some(())
    });
    let failed = |line: &&String| line.contains("not permitted") || line.contains("denied");
    let lines = daemon.lines();
    let start = lines.iter().position(|line| line.contains("from here on"));
    let after = &lines[start.expect("the capabilities that are left")..];
    assert_eq!(after.iter().find(failed), None);

    // The name of what only a process leads to has to be looked up by a thread that may.
    let narrowed = format!("netns = [\"{}\"]\nwarning = 0.25\n", hidden.inum());
    fs::write(path, narrowed).expect("write");
    daemon.signal(Signal::HUP);
    daemon.wait_for("portwatch_warning_ratio", 0.25);
    daemon.wait_for("portwatch_tuples", 1.0);
    daemon.wait_for(&counted, 5.0);
    let absent = |line: &String| line.contains("no path leads to");
    assert!(!daemon.lines().iter().any(absent));
    confined(&daemon, bounding);
    let (status, lines) = daemon.stop();
    assert!(status.success(), "{status}: {lines:#?}");
}

#[test]
fn root_gives_back_all_that_only_the_start_needs() {
    works(None);
}

#[test]
fn another_user_with_the_units_capabilities_is_enough() {
    works(Some(&of_unit()));
}

/// The place of the file leads elsewhere, with the rights of root: only Landlock is in the way.
#[test]
fn a_file_elsewhere_is_out_of_its_reach() {
    let netns = Netns::named(RANGE);
    let directory = || tempfile::tempdir().expect("a directory");
    let (near, far) = (directory(), directory());
    let (place, foreign) = (near.path().join("x.toml"), far.path().join("x.toml"));
    fs::write(&place, "warning = 0.4\n").expect("write");
    fs::write(&foreign, "warning = 0.3\n").expect("write");
    let daemon = Daemon::start(&netns, &["--config", place.to_str().expect("UTF-8")]);
    daemon.wait_for("portwatch_warning_ratio", 0.4);

    fs::remove_file(&place).expect("remove");
    symlink(&foreign, &place).expect("link");
    daemon.signal(Signal::HUP);
    if Host::read().landlock {
        daemon.wait_for_line("its complaint", |line| {
            let refused = line.contains("stay as they were") && line.contains("Permission denied");
            refused.then_some(())
        });
        assert_eq!(daemon.metrics().of("portwatch_warning_ratio"), 0.4);
    } else {
        daemon.wait_for("portwatch_warning_ratio", 0.3);
    }

    // Another file in the same place is as good as the first, as editors make it.
    fs::remove_file(&place).expect("remove");
    fs::write(&place, "warning = 0.2\n").expect("write");
    daemon.signal(Signal::HUP);
    daemon.wait_for("portwatch_warning_ratio", 0.2);
}

#[test]
fn it_keeps_all_when_told_to_and_says_so() {
    let daemon = Daemon::spawn(&mut command(&["--confinement", "off"]));
    daemon.wait_for_line("a warning", |line| {
        let warned = line.contains("warn: it keeps every privilege");
        warned.then_some(())
    });
    let own = Status::of(std::process::id());
    for thread in Status::of_threads(daemon.pid()) {
        assert_eq!(thread.capabilities("CapEff"), own.capabilities("CapEff"));
        assert_eq!(thread.text("Seccomp"), own.text("Seccomp"));
    }
}
