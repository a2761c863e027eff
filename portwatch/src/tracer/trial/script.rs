//! What is done to see the hooks at work.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::{AsFd, OwnedFd},
    time::{Duration, Instant},
};

use portwatch_common::TupleEntry;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};

use crate::{
    kernel::netns::{enter_new_netns, loopback_up},
    tracer::{TimeWait, directory, keeper::Shared, lives::Life, plan::Plan, tally::entries},
};

/// How long the hooks may take to be seen at work.
const PATIENCE: Duration = Duration::from_secs(2);
/// Failures of which one has to be seen to the end.
const FAILURES: usize = 10;
/// An address of the trial's own tells its namespace from all others.
const PEER: Ipv4Addr = Ipv4Addr::new(127, 80, 87, 84);
/// The one port of the trial's range, and the ports beside it.
const PORT: u16 = 40_000;
const LISTENER: u16 = 40_001;
const BOUND: u16 = 40_002;

/// In a namespace of its own with a range of one port: opens a connection, fails to open a second
/// one, closes the first, has a TIME_WAIT socket's port taken back, and a UDP socket given a port.
///
/// Returns whether there was a connection over IPv6, too.
pub(super) fn run(plan: &Plan, shared: &Shared) -> io::Result<bool> {
    enter_new_netns()?;
    loopback_up()?;
    std::fs::write(
        "/proc/sys/net/ipv4/ip_local_port_range",
        format!("{PORT} {PORT}"),
    )?;
    let peer = SocketAddr::from((PEER, LISTENER));
    let listener = TcpListener::bind(peer)?;
    let client = TcpStream::connect(peer)?;
    let (server, _) = listener.accept()?;
    wait("a connection was not counted", shared, |entry| {
        entry.used == 1
    })?;
    exhaust(peer)?;
    wait("a failed port search was not seen", shared, |entry| {
        entry.exhausted == 1
    })?;
    if plan.connect_errno {
        confirm(peer, shared)?;
    }
    drop(client);
    drop(server);
    if plan.time_wait == TimeWait::Events {
        wait("TIME_WAIT was not seen", shared, |entry| {
            entry.used == 1 && entry.time_wait == 1
        })?;
    }
    end_time_wait(&listener, peer)?;
    autobind(peer)?;
    ipv6()
}

fn exhaust(peer: SocketAddr) -> io::Result<()> {
    match TcpStream::connect(peer) {
        Err(error) if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) => Ok(()),
        Ok(_) => Err(io::Error::other(
            "a second connection found a port in a range of one",
        )),
        Err(error) => Err(error),
    }
}

/// Fails until one failure's errno was seen: the kernel skips a program where it was interrupted by
/// another task on the same CPU, and every system call's return runs this one.
fn confirm(peer: SocketAddr, shared: &Shared) -> io::Result<()> {
    for _ in 0..FAILURES {
        if shared.statistics.read().confirmed > 0 {
            return Ok(());
        }
        exhaust(peer)?;
    }
    Err(io::Error::other("the result of connect was not seen"))
}

/// Ends a TIME_WAIT socket without waiting for its minute: a connect from the very port that it
/// holds takes it over, when that port was bound (`tcp_twsk_unique`).
fn end_time_wait(listener: &TcpListener, peer: SocketAddr) -> io::Result<()> {
    for _ in 0..2 {
        let client = bound(peer)?;
        let (server, _) = listener.accept()?;
        drop(client);
        drop(server);
    }
    Ok(())
}

fn bound(peer: SocketAddr) -> io::Result<OwnedFd> {
    let client = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    sockopt::set_socket_reuseaddr(client.as_fd(), true)?;
    bind(&client, &SocketAddr::from(([127, 0, 0, 1], BOUND)))?;
    connect(&client, &peer)?;
    Ok(client)
}

/// Has the kernel give a UDP socket its port.
fn autobind(peer: SocketAddr) -> io::Result<()> {
    let client = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    Ok(connect(&client, &peer)?)
}

/// A connection over IPv6, where this machine has that; false where it has not.
fn ipv6() -> io::Result<bool> {
    let peer = SocketAddr::from((Ipv6Addr::LOCALHOST, LISTENER));
    let Ok(listener) = TcpListener::bind(peer) else {
        return Ok(false);
    };
    let client = TcpStream::connect(peer)?;
    let accepted = listener.accept();
    drop(client);
    accepted.map(|_| true)
}

/// Waits until the trial's tuple is as it should be.
fn wait(failure: &str, shared: &Shared, fits: impl Fn(&TupleEntry) -> bool) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let entries = entries(shared, &shared.statistics.read());
        if entries
            .iter()
            .any(|(_, entry)| is_peer(entry) && fits(entry))
        {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(io::Error::other(failure.to_owned()));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The tuples of the namespace that the trial was in.
pub(super) fn own(entries: Vec<(Life, TupleEntry)>) -> Vec<Life> {
    let netns = entries
        .iter()
        .find(|(_, entry)| is_peer(entry))
        .map(|(_, entry)| entry.key.netns);
    entries
        .into_iter()
        .filter(|(_, entry)| Some(entry.key.netns) == netns)
        .map(|(life, _)| life)
        .collect()
}

fn is_peer(entry: &TupleEntry) -> bool {
    entry.key.peer_port == LISTENER && directory::address(entry.key.peer_bytes()) == PEER
}
