//! Every way to end is a clean one.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{
    netns::Netns,
    process::{finish, portwatch, wait_for_exit},
    server,
    socket::{self, Family},
    wait,
};

const RANGE: std::ops::RangeInclusive<u16> = 30_000..=30_009;

fn spawn(netns: &Netns, stdout: Stdio) -> Child {
    let arguments = ["watch", "--json", "--netns", &netns.selector()];
    portwatch(&arguments)
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .expect("start portwatch")
}

fn ends_quietly(mut child: Child) {
    let status = wait_for_exit(&mut child);
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut stderr)
        .expect("UTF-8");
    assert_eq!(stderr, "");
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn signals_end_it_cleanly() {
    for signal in [Signal::INT, Signal::TERM] {
        let netns = Netns::named(RANGE);
        let mut child = spawn(&netns, Stdio::piped());
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped"))
            .read_line(&mut line)
            .unwrap();
        assert!(line.contains("started"), "{line}");
        let pid = Pid::from_child(&child);
        kill_process(pid, signal).unwrap();
        ends_quietly(child);
    }
}

#[test]
fn a_duration_ends_it() {
    let netns = Netns::named(RANGE);
    for form in [&["--json"][..], &[]] {
        let arguments = ["watch", "--duration", "300ms", "--netns", &netns.selector()];
        let finished = finish(&mut portwatch(&[&arguments, form].concat()));
        assert_eq!(finished.code(), 0, "{}", finished.stderr);
        assert_ne!(finished.stdout, "");
    }
}

#[test]
fn a_reader_gone_from_the_start_ends_it() {
    let netns = Netns::named(RANGE);
    let (reader, writer) = std::io::pipe().expect("pipe");
    drop(reader);
    let child = spawn(&netns, writer.into());
    ends_by_its_next_events(&netns, child);
}

#[test]
fn a_reader_that_leaves_ends_it() {
    let netns = Netns::named(RANGE);
    let mut child = spawn(&netns, Stdio::piped());
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().expect("piped"));
    reader.read_line(&mut line).unwrap();
    assert!(line.contains("started"), "{line}");
    drop(reader);
    ends_by_its_next_events(&netns, child);
}

/// Gives it something to write until it ends: a process that another test just forked may hold
/// the pipe's other end for an instant.
fn ends_by_its_next_events(netns: &Netns, mut child: Child) {
    let server = server::listen(netns, 8080);
    server.set_nonblocking(true).expect("O_NONBLOCK");
    let peer = SocketAddr::from(([127, 0, 0, 1], 8080));
    wait::until("its end", wait::SOON, || {
        let open = netns.run(|| socket::exhaust(Family::V4, peer));
        open.iter().for_each(socket::disconnect);
        // What nobody takes from the listener's queue would fill it in the end.
        while server.accept().is_ok() {}
        child.try_wait().expect("wait for a child")
    });
    ends_quietly(child);
}

#[test]
fn a_reader_that_does_not_read_is_no_obstacle() {
    let netns = Netns::named(RANGE);
    let selector = netns.selector();
    let arguments = [
        "watch",
        "--json",
        "--counts",
        "--interval",
        "1ms",
        "--netns",
        &selector,
    ];
    let mut child = portwatch(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start portwatch");
    let pipe = child.stdout.take().expect("piped");
    let unread = || rustix::io::ioctl_fionread(&pipe).expect("FIONREAD");
    wait::until("a full pipe", wait::SOON, || {
        // A line comes every millisecond, as long as one fits.
        let before = unread();
        std::thread::sleep(std::time::Duration::from_millis(300));
        (before > 0 && unread() == before).then_some(())
    });
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    ends_quietly(child);
}
