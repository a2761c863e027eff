//! A session written down, and looked at afterwards.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::{
    event::Event,
    netns::Netns,
    process::{Finished, finish, portwatch, refuses, wait_for_exit},
    sandbox::as_nobody,
    server,
    socket::{self, Family},
    wait,
    watcher::Watcher,
};

const RANGE: std::ops::RangeInclusive<u16> = 30_000..=30_019;
const PORTS: u32 = 20;
const PORT: u16 = 8080;

/// A running recorder; killed when dropped.
struct Recorder {
    child: Child,
    file: PathBuf,
    _directory: TempDir,
}

impl Recorder {
    /// Records what happens in a namespace; returns when that has begun.
    fn start(netns: &Netns) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("session.pw");
        let path = file.to_str().expect("UTF-8");
        let selector = netns.selector();
        let arguments = ["record", path, "--interval", "200ms", "--netns", &selector];
        let child = portwatch(&arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start portwatch");
        let recorder = Self {
            child,
            file,
            _directory: directory,
        };
        wait::until("a recording that has begun", wait::SOON, || {
            recorder.file.exists().then_some(())?;
            replayed(&recorder.file, &["--json"])
                .stdout
                .contains("started")
                .then_some(())
        });
        recorder
    }

    /// The events so far, from a file that is still written.
    fn events(&self) -> Vec<Event> {
        events(&replayed(&self.file, &["--json"]))
    }

    /// Ends it and returns what it said.
    fn end(&mut self, signal: Signal) -> String {
        kill_process(Pid::from_child(&self.child), signal).expect("signal portwatch");
        let status = wait_for_exit(&mut self.child);
        let said = std::io::read_to_string(self.child.stderr.take().expect("piped"));
        let said = said.expect("UTF-8");
        assert_eq!(status.success(), signal != Signal::KILL, "{status}: {said}");
        said
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Both fail only for a program that ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn replayed(file: &Path, arguments: &[&str]) -> Finished {
    let path = file.to_str().expect("UTF-8");
    finish(&mut portwatch(&[&["replay", path], arguments].concat()))
}

fn events(finished: &Finished) -> Vec<Event> {
    let Finished { stdout, stderr, .. } = finished;
    assert_eq!(finished.code(), 0, "{stderr}");
    stdout.lines().map(Event::parse).collect()
}

/// Fills the tuple, and waits until that is in the file.
fn fill(netns: &Netns, recorder: &Recorder) {
    let peer = SocketAddr::from(([127, 0, 0, 1], PORT));
    let open = netns.run(|| socket::exhaust(Family::V4, peer));
    assert_eq!(open.len(), PORTS as usize);
    let recorded = |kind: &str| {
        wait::until(kind, wait::SOON, || {
            let events = recorder.events();
            events.iter().any(|event| event.is(kind)).then_some(())
        });
    };
    recorded("exhausted");
    wait::until("a report", wait::SOON, || {
        let explained = replayed(&recorder.file, &["explain", "--json"]);
        (explained.code() == 0).then_some(())
    });
    open.iter().for_each(socket::disconnect);
    recorded("recovered");
}

/// What two tracers of the same time must agree on.
fn facts(events: &[Event]) -> Vec<(String, u32, u32, u64, u32)> {
    let told = ["warning", "critical", "exhausted"];
    let told = events.iter().filter(|event| told.contains(&event.kind()));
    told.map(|event| {
        (
            event.kind().to_owned(),
            event.small("used"),
            event.small("capacity"),
            event.number("headroom"),
            event.small("pid"),
        )
    })
    .collect()
}

#[test]
fn is_replayed_as_it_was_watched() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let watcher = Watcher::start(&[&netns], &[]);
    let mut recorder = Recorder::start(&netns);
    fill(&netns, &recorder);
    watcher.first("recovered");
    let said = recorder.end(Signal::INT);
    let full = format!("127.0.0.1 -> 127.0.0.1:{PORT}, {PORTS} of {PORTS} ports");
    for words in ["recording to", "recorded ", &full, "1 connect failed"] {
        assert!(said.contains(words), "{words} in {said}");
    }
    let replayed_events = replayed(&recorder.file, &["watch", "--json"]);
    assert_eq!(replayed_events.stderr, "");
    let (recorded, watched) = (events(&replayed_events), watcher.stop());
    assert_eq!(facts(&recorded), facts(&watched));
    let exhausted = recorded.iter().find(|event| event.is("exhausted"));
    assert_eq!(exhausted.expect("exhausted").small("used"), PORTS);

    let explained = events(&replayed(
        &recorder.file,
        &["explain", "127.0.0.1", "--json"],
    ));
    let verdict = &explained[0];
    assert_eq!(verdict.small("peer_port"), u32::from(PORT));
    assert_eq!(verdict.0["openers"][0]["pid"], std::process::id());
    let none = replayed(&recorder.file, &["explain", "127.0.0.2"]);
    refuses(&none, 1, &["no such tuple"]);

    let text = replayed(&recorder.file, &["--port", "8080"]);
    assert!(text.stdout.contains("EXHAUSTED"), "{}", text.stdout);
    assert!(text.stderr.contains("recorded on "), "{}", text.stderr);
    let elsewhere = events(&replayed(&recorder.file, &["--json", "--port", "80"]));
    assert!(elsewhere.iter().all(|event| event.is("started")));
}

#[test]
fn needs_no_privileges_to_be_replayed() {
    let netns = Netns::named(RANGE);
    let mut recorder = Recorder::start(&netns);
    recorder.end(Signal::TERM);
    // The directory is for its owner only.
    let public = tempfile::Builder::new().tempfile().expect("a file");
    fs::copy(&recorder.file, public.path()).expect("copy");
    let mode = fs::Permissions::from_mode(0o644);
    fs::set_permissions(public.path(), mode).expect("chmod");
    let path = public.path().to_str().expect("UTF-8");
    let finished = as_nobody(&["replay", path, "--json"]);
    assert_eq!(events(&finished).len(), 1, "{}", finished.stdout);
    assert_eq!(finished.stderr, "");
}

#[test]
fn of_a_killed_recorder_is_replayed_up_to_its_end() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let mut recorder = Recorder::start(&netns);
    fill(&netns, &recorder);
    recorder.end(Signal::KILL);
    let finished = replayed(&recorder.file, &["--json"]);
    let told = "the recording ends in the middle, after ";
    assert!(finished.stderr.contains(told), "{}", finished.stderr);
    let events = events(&finished);
    for kind in ["started", "warning", "critical", "exhausted", "recovered"] {
        assert!(events.iter().any(|event| event.is(kind)), "{kind}");
    }
}

#[test]
fn what_exists_is_not_overwritten() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), "precious").expect("write");
    let path = file.path().to_str().expect("UTF-8");
    let netns = Netns::named(RANGE);
    let arguments = ["record", path, "--for", "300ms", "-N", &netns.selector()];
    refuses(
        &finish(&mut portwatch(&arguments)),
        2,
        &["exists", "--force"],
    );
    assert_eq!(fs::read(file.path()).expect("read"), b"precious");
    refuses(&replayed(file.path(), &[]), 1, &["no recording"]);
    let forced = finish(&mut portwatch(&[&arguments[..], &["--force"]].concat()));
    assert_eq!(forced.code(), 0, "{}", forced.stderr);
    assert_eq!(events(&replayed(file.path(), &["--json"])).len(), 1);
}

#[test]
fn a_full_disk_is_an_error() {
    let netns = Netns::named(RANGE);
    let selector = netns.selector();
    let arguments = ["record", "/dev/full", "--force", "-N", &selector];
    let finished = finish(&mut portwatch(&arguments));
    refuses(&finished, 1, &["/dev/full", "No space left on device"]);
}
