//! The other ways to run out of ports: binds to any port, and UDP sockets that are given one.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    os::unix::net::{UnixDatagram, UnixListener},
    thread,
};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::support::{
    environment,
    event::Event,
    marker,
    netns::Netns,
    socket::{self, Family},
    ticks,
    udp::CALLS,
    watcher::Watcher,
};

const RANGE: std::ops::RangeInclusive<u16> = 30_000..=30_007;
const PORTS: usize = 8;
const FAMILIES: [Family; 3] = [Family::V4, Family::V6, Family::Mapped];
const PEER_PORT: u16 = 9;

/// The failures of binds and of connect(2) before the marker, and that connect's own causes are
/// not among them.
fn failures(netns: &Netns, watcher: &Watcher) -> Vec<Event> {
    let mut events = marker::events_before(netns, watcher);
    events.retain(|e| {
        let kinds = [
            "exhausted",
            "conflict",
            "no_source_address",
            "bind_exhausted",
        ];
        kinds.contains(&e.kind()) && e.small("netns") == netns.inum()
    });
    for event in &events {
        assert!(event.is("bind_exhausted"), "{events:#?}");
        assert_eq!(
            event.0["range"],
            serde_json::json!([RANGE.start(), RANGE.end()])
        );
        assert_eq!(event.small("pid"), std::process::id());
        assert_eq!(event.number("uid"), 0);
        assert_eq!(event.number("suppressed"), 0);
    }
    events
}

fn assert_failure(event: &Event, cause: &str, local: IpAddr) {
    let (protocol, errno) = match cause {
        "tcp-bind" => ("tcp", "EADDRINUSE"),
        "udp-bind" => ("udp", "EADDRINUSE"),
        _ => ("udp", "EAGAIN"),
    };
    assert_eq!(event.text("cause"), cause);
    assert_eq!(event.text("protocol"), protocol);
    assert_eq!(event.text("errno"), errno);
    assert_eq!(event.text("local_ip"), local.to_string());
}

/// The address that stands for all of a family.
fn wildcard(family: Family) -> IpAddr {
    match family {
        Family::V4 => "0.0.0.0".parse(),
        Family::V6 | Family::Mapped => "::".parse(),
    }
    .expect("an address")
}

fn bound(family: Family, kind: Type, local: SocketAddr) -> io::Result<Socket> {
    let socket = family.socket_of(kind);
    socket.bind(&family.name(local))?;
    Ok(socket)
}

/// Takes every port of the range until the one attempt that fails, with this error.
fn exhaust(errno: Errno, open: impl Fn() -> io::Result<Socket>) -> Vec<Socket> {
    let mut sockets = Vec::new();
    for _ in 0..PORTS {
        sockets.push(open().expect("a port of the range"));
    }
    assert_eq!(socket::errno(&open()), Some(errno));
    sockets
}

fn bind_to_any_port(kind: Type, cause: &str) {
    let netns = Netns::named(RANGE);
    let watcher = Watcher::start(&[&netns], &[]);
    let mut expected = Vec::new();
    for family in FAMILIES {
        for local in [family.loopback(), wildcard(family)] {
            netns.run(|| {
                exhaust(Errno::ADDRINUSE, || bound(family, kind, (local, 0).into()));
            });
            expected.push(local);
        }
    }
    let failures = failures(&netns, &watcher);
    assert_eq!(failures.len(), expected.len(), "{failures:#?}");
    for (failure, local) in failures.iter().zip(expected) {
        assert_failure(failure, cause, local);
    }
    watcher.stop();
}

#[test]
fn tcp_bind_to_any_port() {
    bind_to_any_port(Type::STREAM, "tcp-bind");
}

#[test]
fn udp_bind_to_any_port() {
    bind_to_any_port(Type::DGRAM, "udp-bind");
}

#[test]
fn udp_without_bind() {
    // A namespace each: one sends fewer events a second than these are together.
    let places = FAMILIES.map(|family| (family, Netns::named(RANGE)));
    let all: Vec<&Netns> = places.iter().map(|(_, netns)| netns).collect();
    let watcher = Watcher::start(&all, &[]);
    for (family, netns) in &places {
        let peer = SocketAddr::new(family.loopback(), PEER_PORT);
        netns.run(|| {
            for call in CALLS {
                exhaust(Errno::AGAIN, || call.socket(*family, peer));
            }
        });
    }
    for (family, netns) in &places {
        let failures = failures(netns, &watcher);
        assert_eq!(failures.len(), CALLS.len(), "{failures:#?}");
        for failure in &failures {
            assert_failure(failure, "udp-autobind", wildcard(*family));
        }
    }
    watcher.stop();
}

#[test]
fn listen_without_bind() {
    let netns = Netns::named(RANGE);
    let watcher = Watcher::start(&[&netns], &[]);
    netns.run(|| {
        for family in [Family::V4, Family::V6] {
            let listen = || {
                let socket = family.socket();
                socket.listen(1).map(|()| socket)
            };
            exhaust(Errno::ADDRINUSE, listen);
        }
    });
    let failures = failures(&netns, &watcher);
    assert_eq!(failures.len(), 2, "{failures:#?}");
    assert_failure(&failures[0], "tcp-bind", wildcard(Family::V4));
    assert_failure(&failures[1], "tcp-bind", wildcard(Family::V6));
    watcher.stop();
}

#[test]
fn mptcp_bind_to_any_port() {
    let netns = Netns::named(RANGE);
    let new = || Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP));
    if let Err(error) = netns.run(new) {
        eprintln!("skipped: MPTCP: {error}");
        return;
    }
    let watcher = Watcher::start(&[&netns], &[]);
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    netns.run(|| {
        let bound = || {
            let socket = new()?;
            socket.bind(&local.into())?;
            Ok(socket)
        };
        exhaust(Errno::ADDRINUSE, bound);
    });
    let failures = failures(&netns, &watcher);
    assert_eq!(failures.len(), 1, "{failures:#?}");
    assert_failure(&failures[0], "tcp-bind", local.ip());
    watcher.stop();
}

#[test]
fn in_a_namespace_that_has_just_appeared() {
    let watcher = Watcher::start(&[], &[]);
    let netns = Netns::named(RANGE);
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    netns.run(|| {
        exhaust(Errno::ADDRINUSE, || bound(Family::V4, Type::DGRAM, local));
    });
    let told = watcher.wait_for("the failure", |events| {
        let own = |e: &&Event| e.is("bind_exhausted") && e.small("netns") == netns.inum();
        events.iter().find(own).cloned()
    });
    assert_eq!(told.0["netns_name"].as_str(), netns.name());
    assert_eq!(
        told.0["range"],
        serde_json::json!([RANGE.start(), RANGE.end()])
    );
    watcher.stop();
}

#[test]
fn a_device_is_told() {
    let netns = Netns::named(RANGE);
    let watcher = Watcher::start(&[&netns], &[]);
    netns.run(|| {
        exhaust(Errno::ADDRINUSE, || {
            let socket = Family::V4.socket_of(Type::DGRAM);
            socket.bind_device(Some(b"lo"))?;
            socket.bind(&SocketAddr::from(([0, 0, 0, 0], 0)).into())?;
            Ok(socket)
        });
    });
    let failures = failures(&netns, &watcher);
    assert_eq!(failures.len(), 1, "{failures:#?}");
    assert_eq!(failures[0].number("bound_dev"), 1);
    watcher.stop();
}

#[test]
fn a_taken_port_of_ones_own_choice_is_no_exhaustion() {
    let netns = Netns::named(RANGE);
    let watcher = Watcher::start(&[&netns], &[]);
    netns.run(|| {
        for family in FAMILIES {
            for kind in [Type::STREAM, Type::DGRAM] {
                for port in [*RANGE.start(), 20_000] {
                    let local = SocketAddr::new(family.loopback(), port);
                    let _first = bound(family, kind, local).expect("a free port");
                    let second = bound(family, kind, local);
                    assert_eq!(socket::errno(&second), Some(Errno::ADDRINUSE));
                }
            }
            let local = SocketAddr::new(family.loopback(), 20_000);
            let listeners = [family.bound(local), family.bound(local)];
            listeners[0].listen(1).expect("listen");
            let second = listeners[1].listen(1);
            assert_eq!(socket::errno(&second), Some(Errno::ADDRINUSE));
        }
    });
    let failures = failures(&netns, &watcher);
    assert!(failures.is_empty(), "{failures:#?}");
    watcher.stop();
}

#[test]
fn the_same_errors_of_other_calls_are_none() {
    let netns = Netns::named(RANGE);
    let watcher = Watcher::start(&[&netns], &[]);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    netns.run(|| {
        let _listener = UnixListener::bind(&path).expect("bind");
        let second = UnixListener::bind(&path);
        assert_eq!(socket::errno(&second), Some(Errno::ADDRINUSE));
        let (near, _far) = UnixDatagram::pair().expect("a pair");
        near.set_nonblocking(true).expect("nonblocking");
        let full = (0..100_000).find_map(|_| near.send(b"x").err());
        assert_eq!(full.map(|e| e.kind()), Some(io::ErrorKind::WouldBlock));
        let idle = UdpSocket::bind("127.0.0.1:0").expect("bind");
        idle.set_nonblocking(true).expect("nonblocking");
        let nothing = idle.recv(&mut [0]);
        assert_eq!(socket::errno(&nothing), Some(Errno::AGAIN));
    });
    let failures = failures(&netns, &watcher);
    assert!(failures.is_empty(), "{failures:#?}");
    watcher.stop();
}

const THREADS: u64 = 4;

#[test]
fn every_failure_of_a_storm_is_counted_and_few_are_printed() {
    let per_thread = environment::scaled(1250, 250) as u64;
    // And the one by which the range is known to be full.
    let total = THREADS * per_thread + 1;
    let netns = Netns::named(RANGE);
    let watcher = Watcher::start(&[&netns], &["--counts"]);
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    let _open = netns.run(|| exhaust(Errno::ADDRINUSE, || bound(Family::V4, Type::DGRAM, local)));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                netns.enter();
                for _ in 0..per_thread {
                    let result = bound(Family::V4, Type::DGRAM, local);
                    assert_eq!(socket::errno(&result), Some(Errno::ADDRINUSE));
                }
            });
        }
    });
    let heard = |tick: &Event| total - unheard(tick, total);
    let counted = watcher.wait_for("a count of every failure", |events| {
        let tick = events.iter().rfind(|e| e.is("tick"))?;
        let sample = events.iter().rfind(|e| e.is("bind_sample"))?;
        let counted = sample.number("udp_bind_total");
        (counted >= heard(tick)).then_some(counted)
    });
    assert!(counted <= total, "{counted} of {total}");
    let tick = ticks::fresh(&watcher);
    assert!(tick.totals(&netns, "exhausted_total").is_empty());
    let events = watcher.stop();
    let sample = events
        .iter()
        .rfind(|e| e.is("bind_sample"))
        .expect("counts");
    assert_eq!(sample.small("netns"), netns.inum());
    assert_eq!(sample.number("udp_bind_total"), counted);
    assert_eq!(sample.number("tcp_bind_total"), 0);
    assert_eq!(sample.number("udp_autobind_total"), 0);
    let told: Vec<_> = events.iter().filter(|e| e.is("bind_exhausted")).collect();
    let reported: u64 = told.iter().map(|e| 1 + e.number("suppressed")).sum();
    assert_eq!(reported, counted);
    assert!(told.len() as u64 * 20 < total, "{} lines", told.len());
    assert!(!events.iter().any(|e| e.is("exhausted")), "{told:#?}");
}

/// Failures that the one hook that tells of them may have missed, because the kernel skipped it: of
/// the function each run was such a failure, of all system calls a fiftieth at most.
fn unheard(tick: &Event, failures: u64) -> u64 {
    let skipped = tick.0["recursion_misses"]["fexit_inet_bind"].as_u64();
    skipped.unwrap_or(0) + ticks::unheard(tick, failures)
}
