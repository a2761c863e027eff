//! The unix socket, and those who read from it.

use std::{
    fs::{self, File, Permissions},
    io::{BufRead, BufReader, Write},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt, chown},
        net::{UnixListener, UnixStream},
        process::CommandExt,
    },
    path::PathBuf,
    process::{Child, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{PORT, PORTS, RANGE, peer};
use crate::support::{
    bpf_objects,
    daemon::Daemon,
    event::Event,
    netns::Netns,
    process::{finish, portwatch},
    server,
    socket::{self, Family},
    wait::{self, SOON},
};

const NOBODY: u32 = 65_534;

/// A directory that everybody may look into, and a path in it.
fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("chmod");
    let path = directory.path().join("new/portwatch.sock");
    (directory, path)
}

fn start(netns: &Netns, path: &std::path::Path) -> Daemon {
    Daemon::start(netns, &["--socket", path.to_str().expect("UTF-8")])
}

/// A reader without privileges.
struct Reading {
    child: Child,
    events: Receiver<(Instant, Event)>,
}

impl Reading {
    fn start(path: &std::path::Path) -> Self {
        let path = path.to_str().expect("UTF-8");
        let mut child = portwatch(&["replay", path, "watch", "--json"])
            .uid(NOBODY)
            .gid(NOBODY)
            .stdout(Stdio::piped())
            .spawn()
            .expect("start portwatch");
        let (sender, events) = channel();
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send((Instant::now(), Event::parse(&line)));
            }
        });
        Self { child, events }
    }

    fn wait_for_start(&self) {
        self.wait_for("started", |event| event.is("started"));
    }

    /// Waits for a failure in this namespace; the stream has those of others, too.
    fn wait_for_failure(&self, netns: &Netns) -> (Instant, Event) {
        self.wait_for("exhausted", |event| {
            event.is("exhausted") && event.small("netns") == netns.inum()
        })
    }

    fn wait_for(&self, what: &str, wanted: impl Fn(&Event) -> bool) -> (Instant, Event) {
        let deadline = Instant::now() + SOON;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (time, event) = self.events.recv_timeout(left).expect(what);
            if wanted(&event) {
                return (time, event);
            }
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn descriptors(pid: u32) -> usize {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("descriptors");
    open.count()
}

#[test]
fn members_of_the_group_read_without_programs_of_their_own() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let (_directory, path) = place();
    let daemon = start(&netns, &path);
    let mode = fs::metadata(&path).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o660);

    chown(&path, None, Some(0)).expect("chgrp");
    let text = path.to_str().expect("UTF-8");
    let refused = finish(
        portwatch(&["replay", text, "watch"])
            .uid(NOBODY)
            .gid(NOBODY),
    );
    assert_eq!(refused.code(), 1);
    assert!(
        refused.stderr.contains("join the group portwatch"),
        "{}",
        refused.stderr
    );

    chown(&path, None, Some(NOBODY)).expect("chgrp");
    let reading = Reading::start(&path);
    reading.wait_for_start();
    assert!(bpf_objects::held_by(reading.child.id()).is_empty());
    let _open = netns.run(|| socket::exhaust(Family::V4, peer()));
    let (_, exhausted) = reading.wait_for_failure(&netns);
    assert_eq!(exhausted.small("used"), PORTS);
    assert_eq!(exhausted.small("pid"), std::process::id());
    assert_eq!(exhausted.0, daemon.event("exhausted").0);

    let second = finish(&mut portwatch(&[
        "daemon", "--listen", "off", "--socket", text,
    ]));
    assert_eq!(second.code(), 1);
    assert!(
        second.stderr.contains("somebody serves on"),
        "{}",
        second.stderr
    );
    let (status, lines) = daemon.stop();
    assert!(status.success(), "{status}: {lines:#?}");
    assert!(!path.exists());
}

#[test]
fn what_nobody_serves_on_is_replaced_and_a_file_is_not() {
    let netns = Netns::named(RANGE);
    let (_directory, path) = place();
    fs::create_dir(path.parent().expect("a directory")).expect("mkdir");
    drop(UnixListener::bind(&path).expect("a stale socket"));
    let daemon = start(&netns, &path);
    UnixStream::connect(&path).expect("the daemon's");
    drop(daemon);

    fs::remove_file(&path).expect("what a killed daemon leaves");
    File::create(&path).expect("a file");
    let text = path.to_str().expect("UTF-8");
    let refused = finish(&mut portwatch(&[
        "daemon", "--listen", "off", "--socket", text,
    ]));
    assert_eq!(refused.code(), 1);
    assert!(
        refused.stderr.contains("is no socket"),
        "{}",
        refused.stderr
    );
    assert!(
        !fs::metadata(&path)
            .expect("the file")
            .file_type()
            .is_socket()
    );
}

#[test]
fn those_who_never_read_are_no_burden_to_others() {
    let netns = Netns::named(RANGE);
    let _servers = [0, 1, 2].map(|more| server::listen(&netns, PORT + more));
    let (_directory, path) = place();
    let daemon = start(&netns, &path);
    chown(&path, None, Some(NOBODY)).expect("chgrp");
    let reading = Reading::start(&path);
    reading.wait_for_start();
    let alone = late(&netns, &reading, PORT);

    let before = descriptors(daemon.pid());
    let stuck: Vec<_> = (0..100)
        .map(|_| UnixStream::connect(&path).expect("connect"))
        .collect();
    wait::until("all of them", SOON, || {
        (descriptors(daemon.pid()) >= before + stuck.len()).then_some(())
    });
    let crowded = late(&netns, &reading, PORT + 1);
    eprintln!("failed connect to event: {alone:?} alone, {crowded:?} beside 100 that never read");

    // Beyond the limit they are turned away, and who speaks is sent off.
    let more: Vec<_> = (0..100)
        .map(|_| UnixStream::connect(&path).expect("connect"))
        .collect();
    wait::until("the limit", SOON, || {
        (descriptors(daemon.pid()) <= before + 128).then_some(())
    });
    for mut stream in &stuck {
        // It may have been sent off already.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\n");
    }
    drop(more);
    wait::until("their end", SOON, || {
        (descriptors(daemon.pid()) <= before).then_some(())
    });
    late(&netns, &reading, PORT + 2);
}

/// How long after the call that fails the reader has the event.
fn late(netns: &Netns, reading: &Reading, port: u16) -> Duration {
    let (open, failed) = netns.run(|| {
        let open = socket::exhaust(Family::V4, ([127, 0, 0, 1], port).into());
        (open, Instant::now())
    });
    let (time, event) = reading.wait_for_failure(netns);
    assert_eq!(event.number("peer_port"), u64::from(port));
    drop(open);
    time.saturating_duration_since(failed)
}
