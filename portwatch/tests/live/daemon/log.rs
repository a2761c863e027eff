//! The log of events.

use std::{fs, io::Read, os::unix::net::UnixDatagram, path::Path, process::Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{PORT, PORTS, RANGE, peer};
use crate::support::{
    daemon::{Daemon, command, everywhere},
    event::Event,
    netns::Netns,
    process::{finish, portwatch, wait_for_exit},
    sandbox::with_systemd,
    server,
    socket::{self, Family},
    wait,
};

#[test]
fn every_event_is_a_line() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let daemon = Daemon::start(&netns, &[]);
    let _open = netns.run(|| socket::exhaust(Family::V4, peer()));
    assert_eq!(daemon.event("warning").small("used"), PORTS / 2);
    let exhausted = daemon.event("exhausted");
    assert_eq!(exhausted.small("capacity"), PORTS);
    assert_eq!(exhausted.small("pid"), std::process::id());
    let (status, lines) = daemon.stop();
    assert!(status.success(), "{status}: {lines:#?}");
}

#[test]
fn the_trial_of_another_start_is_no_news() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let daemon = Daemon::spawn(&mut everywhere(&[]));
    let doctor = finish(&mut portwatch(&["doctor"]));
    assert_eq!(doctor.code(), 0, "{}", doctor.stderr);
    // Events come in their order: those of the trial would be there.
    let _open = netns.run(|| socket::exhaust(Family::V4, peer()));
    daemon.wait_for_line("a failure here", |line| {
        let event = line.starts_with('{').then(|| Event::parse(line))?;
        (event.is("exhausted") && event.small("netns") == netns.inum()).then_some(())
    });
    let told = daemon.lines().join("\n");
    assert!(!told.contains("\"peer_port\":40001"), "{told}");
    let metrics = daemon.get("/metrics").body;
    assert!(!metrics.contains("peer_port=\"40001\""), "{metrics}");
}

#[test]
fn without_a_journal_lines_have_their_priority() {
    if Path::new("/run/systemd/journal/socket").exists() {
        eprintln!("skipped: lines without a journal: there is one");
        return;
    }
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let daemon = Daemon::start(&netns, &["--log", "journal"]);
    let _open = netns.run(|| socket::exhaust(Family::V4, peer()));
    for (priority, word) in [
        ("<6>", "STARTED"),
        ("<4>", "WARNING"),
        ("<2>", "CRITICAL"),
        ("<3>", "EXHAUSTED"),
    ] {
        daemon.wait_for_line(word, |line| {
            let message = line.strip_prefix(priority)?;
            message.starts_with(word).then_some(())
        });
    }
}

#[test]
fn the_journal_gets_entries_with_fields() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir(directory.path().join("journal")).expect("mkdir");
    let journal = UnixDatagram::bind(directory.path().join("journal/socket")).expect("bind");
    journal
        .set_read_timeout(Some(wait::SOON))
        .expect("SO_RCVTIMEO");
    // As systemd starts it.
    let mut command = command(&netns, &["--log", "auto"]);
    command.env("JOURNAL_STREAM", "8:1234");
    let Some(command) = with_systemd(&mut command, directory.path()) else {
        eprintln!("skipped: entries of the journal: no /run/systemd");
        return;
    };
    let daemon = Daemon::spawn(command);
    let _open = netns.run(|| socket::exhaust(Family::V4, peer()));
    let entry = |event: &str| loop {
        let mut bytes = [0; 8192];
        let length = journal.recv(&mut bytes).expect("an entry");
        let entry = String::from_utf8_lossy(&bytes[..length]).into_owned();
        if entry.contains(&format!("PORTWATCH_EVENT={event}\n")) {
            return entry;
        }
    };
    assert!(entry("started").contains("PRIORITY=6\n"));
    let exhausted = entry("exhausted");
    let pid = format!("PORTWATCH_PID={}", std::process::id());
    let name = format!("PORTWATCH_NETNS_NAME={}", netns.selector());
    for field in [
        "MESSAGE=EXHAUSTED ",
        "PRIORITY=3\n",
        "PORTWATCH_CAPACITY=20\n",
        &pid,
        &name,
    ] {
        assert!(exhausted.contains(field), "{field} in {exhausted}");
    }
    let (status, lines) = daemon.stop();
    assert!(status.success(), "{status}: {lines:#?}");
    assert!(
        !lines.iter().any(|line| line.contains("EXHAUSTED")),
        "{lines:#?}"
    );
}

#[test]
fn text_is_what_watch_prints() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let daemon = Daemon::start(&netns, &["--log", "text"]);
    let _open = netns.run(|| socket::exhaust(Family::V4, peer()));
    let line = daemon.wait_for_line("EXHAUSTED", |line| {
        line.contains("EXHAUSTED").then(|| line.to_owned())
    });
    assert!(line.contains("20/20 ports (100 %)"), "{line}");
}

#[test]
fn nobody_has_to_read_it() {
    let netns = Netns::named(RANGE);
    let (mut reader, writer) = std::io::pipe().expect("pipe");
    let mut child = command(&netns, &["--interval", "20ms"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(writer)
        .spawn()
        .expect("start portwatch");
    let server = server::listen(&netns, PORT);
    server.set_nonblocking(true).expect("O_NONBLOCK");
    let unread = || rustix::io::ioctl_fionread(&reader).expect("FIONREAD");
    // As for other daemons, see `Daemon::spawn`.
    wait::until("its start", wait::SWEEPS, || (unread() > 0).then_some(()));
    wait::until("a full pipe", wait::SOON, || {
        let before = unread();
        for _ in 0..5 {
            let open = netns.run(|| socket::exhaust(Family::V4, peer()));
            open.iter().for_each(socket::disconnect);
            while server.accept().is_ok() {}
        }
        (before > 32_768 && unread() == before).then_some(())
    });
    kill_process(Pid::from_child(&child), Signal::TERM).expect("signal portwatch");
    let status = wait_for_exit(&mut child);
    assert!(status.success(), "{status}");
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("UTF-8");
    // What there was room for are whole lines.
    let events = text.lines().filter(|line| line.starts_with('{'));
    assert!(events.map(Event::parse).count() > 10);
}
