//! What is done to see the hooks at work.

use std::{
    io,
    net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    time::{Duration, Instant},
};

use portwatch_common::TupleEntry;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};

use crate::{
    kernel::netns::{enter_new_netns, loopback_up},
    model::trial::{DEVICE_V6, PEER, PEER_PORT},
    tracer::{TimeWait, directory, keeper::Shared, plan::Plan},
};

/// How long the hooks may take to be seen at work.
const PATIENCE: Duration = Duration::from_secs(2);
/// Failures of which one has to be seen to the end.
const FAILURES: usize = 10;
/// The one port of the trial's range, and one beside it.
const PORT: u16 = 40_000;
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
    let peer = SocketAddr::from((PEER, PEER_PORT));
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
    let peer = SocketAddr::from((Ipv6Addr::LOCALHOST, PEER_PORT));
    let Ok(listener) = TcpListener::bind(peer) else {
        return Ok(false);
    };
    let client = socket(AddressFamily::INET6, SocketType::STREAM, None)?;
    bind_to_device(&client, DEVICE_V6)?;
    connect(&client, &peer)?;
    let accepted = listener.accept();
    drop(client);
    accepted.map(|_| true)
}

/// Binds a socket to an interface. From 5.7 on anybody may (`sock_bindtoindex`).
fn bind_to_device(socket: &OwnedFd, index: u32) -> io::Result<()> {
    let (option, size) = ((&raw const index).cast(), size_of_val(&index) as u32);
    // SAFETY: SO_BINDTOIFINDEX reads an `int` of that size, and the socket is open.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_BINDTOIFINDEX,
            option,
            size,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Waits until the trial's tuple is as it should be.
fn wait(failure: &str, shared: &Shared, fits: impl Fn(&TupleEntry) -> bool) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let stats = shared.statistics.read();
        let mut held = shared.table.held(&stats);
        if held.any(|(_, entry)| is_peer(&entry) && fits(&entry)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(io::Error::other(failure.to_owned()));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn is_peer(entry: &TupleEntry) -> bool {
    directory::address(entry.key.peer_bytes()) == PEER
}
