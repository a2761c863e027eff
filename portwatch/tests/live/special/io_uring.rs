//! connect through io_uring: the tracer sees the search, whoever asks for it.

use std::net::SocketAddr;

use rustix::io::Errno;

use super::{PORT, RANGE, counted, skip, told};
use crate::support::{
    event::Event,
    hooks, marker,
    netns::Netns,
    ring::{Ring, Worker},
    server,
    socket::{self, Family},
    watcher::Watcher,
};

/// Families and workers, each with a port of its own.
fn cases() -> impl Iterator<Item = (Family, Worker, SocketAddr)> {
    let families = [Family::V4, Family::V6, Family::Mapped];
    let workers = [Worker::Submitter, Worker::Kernel];
    let cases = families
        .into_iter()
        .flat_map(move |f| workers.map(|w| (f, w)));
    cases
        .zip(PORT..)
        .map(|((family, worker), port)| (family, worker, (family.loopback(), port).into()))
}

#[test]
fn connections_are_counted_and_failures_told() {
    if let Err(error) = Ring::new() {
        return skip("connect through io_uring", error);
    }
    let netns = Netns::named(RANGE);
    let _servers: Vec<_> = cases()
        .map(|(_, _, peer)| server::listen(&netns, peer.port()))
        .collect();
    let watcher = Watcher::start(&[&netns], &["--counts"]);
    let (mut open, mut used, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (family, worker, peer) in cases() {
        open.append(&mut netns.run(|| {
            let mut ring = Ring::new().expect("io_uring");
            let mut connect = || {
                let socket = family.socket();
                let result = ring.connect(&socket, &family.name(peer), worker);
                (socket, result)
            };
            let open: Vec<_> = RANGE
                .map(|_| {
                    let (socket, result) = connect();
                    result.unwrap_or_else(|error| panic!("{family:?}, {worker:?}: {error}"));
                    socket
                })
                .collect();
            assert_eq!(socket::errno(&connect().1), Some(Errno::ADDRNOTAVAIL));
            open
        }));
        let tuple = (family.loopback(), peer);
        used.push((tuple, 10));
        failed.push((tuple, std::process::id()));
        counted(&watcher, &netns, &used);
    }
    told(&watcher, "exhausted", &failed);

    open.iter().for_each(socket::disconnect);
    counted(&watcher, &netns, &[]);
    watcher.stop();
}

#[test]
fn a_missing_source_address_is_told_where_the_hooks_see_it() {
    if let Err(error) = Ring::new() {
        return skip("connect through io_uring without a source address", error);
    }
    let netns = Netns::named(RANGE);
    netns.sysctl("ipv6/conf/all/disable_ipv6", 1);
    let watcher = Watcher::start(&[&netns], &[]);
    let peer = SocketAddr::new(Family::V6.loopback(), PORT);
    netns.run(|| {
        let mut ring = Ring::new().expect("io_uring");
        let result = ring.connect(&Family::V6.socket(), &peer.into(), Worker::Submitter);
        assert_eq!(socket::errno(&result), Some(Errno::ADDRNOTAVAIL));
    });
    let events = marker::events_before(&netns, &watcher);
    let told: Vec<&Event> = events
        .iter()
        .filter(|e| e.is("no_source_address"))
        .collect();
    // The other sets look at what the system call connect(2) returns.
    assert_eq!(
        told.len(),
        usize::from(hooks::in_use() == "fentry"),
        "{told:?}"
    );
    for event in told {
        assert_eq!(event.peer(), Some(peer));
        assert_eq!(event.small("pid"), std::process::id());
    }
    watcher.stop();
}
