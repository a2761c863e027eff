//! Sockets that change hands: the one who connects is named, whoever closes.

use std::os::{fd::AsRawFd, unix::net::UnixDatagram};

use rustix::io::Errno;
use socket2::Socket;

use super::{PORT, RANGE, counted, told, v4};
use crate::support::{
    forked::Forked,
    netns::Netns,
    passing, server,
    socket::{self, Attempt, Family},
    watcher::Watcher,
};

/// A socket that a child process made and passed on before it ended.
fn made_by_a_child(netns: &Netns, make: impl Fn() -> std::io::Result<Socket> + Sync) -> Socket {
    let (here, there) = UnixDatagram::pair().expect("socketpair");
    let descriptor = there.as_raw_fd();
    let child = netns.run(|| {
        // SAFETY: the child makes system calls only.
        unsafe {
            Forked::start(Some(descriptor), || match make() {
                Ok(socket) => passing::send(&there, &socket).map_or(1, |()| 0),
                Err(_) => 1,
            })
        }
    });
    assert_eq!(child.code(), 0);
    passing::receive(&here).expect("a socket").into()
}

#[test]
fn opened_by_one_process_and_closed_by_another() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let tuple = (v4(PORT).ip(), v4(PORT));
    let watcher = Watcher::start(&[&netns], &["--counts"]);
    let attempt = Attempt::new(Family::V4, None, v4(PORT));
    let socket = made_by_a_child(&netns, || attempt.connect());
    // The process that connected is gone.
    counted(&watcher, &netns, &[(tuple, 1)]);
    socket::disconnect(&socket);
    counted(&watcher, &netns, &[]);
    watcher.stop();
}

#[test]
fn a_failure_is_that_of_the_process_that_connects() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let tuple = (v4(PORT).ip(), v4(PORT));
    let watcher = Watcher::start(&[&netns], &["--counts"]);
    let open = netns.run(|| socket::exhaust(Family::V4, v4(PORT)));
    let mut failures = vec![(tuple, std::process::id())];

    let attempt = Attempt::new(Family::V4, None, v4(PORT));
    let socket = made_by_a_child(&netns, || attempt.socket());
    let result = socket.connect(&v4(PORT).into());
    assert_eq!(socket::errno(&result), Some(Errno::ADDRNOTAVAIL));
    failures.push((tuple, std::process::id()));

    let socket = netns.run(|| Family::V4.socket());
    // SAFETY: the child makes system calls only.
    let child = unsafe {
        Forked::start(Some(socket.as_raw_fd()), || {
            let result = attempt.connect_with(&socket);
            result
                .err()
                .and_then(|error| error.raw_os_error())
                .unwrap_or(0)
        })
    };
    failures.push((tuple, child.pid()));
    assert_eq!(child.code(), libc::EADDRNOTAVAIL);

    told(&watcher, "exhausted", &failures);
    counted(&watcher, &netns, &[(tuple, 10)]);
    drop(open);
    watcher.stop();
}
