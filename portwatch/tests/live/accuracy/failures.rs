//! A sequence of failures, few enough that each is told in an event of its own.

use std::net::{IpAddr, SocketAddr, TcpListener};

use fastrand::Rng;
use socket2::Socket;

use crate::support::{
    event::Event,
    forked::Forked,
    netns::Netns,
    server,
    socket::{self, Attempt, Family},
};

const RANGE: std::ops::RangeInclusive<u16> = 30_000..=30_009;
const PORTS: [u16; 2] = [8080, 8081];
/// A port that a connection to each of the peers is bound to.
const BOUND: u16 = 20_001;
/// Failures of each cause and tuple.
const OF_EACH: usize = 3;

/// Two namespaces in which connects fail: all ports are taken in one, the other has no IPv6.
pub struct Scene {
    taken: Netns,
    without_ipv6: Netns,
    seed: u64,
    _servers: [TcpListener; 2],
    _open: Vec<Socket>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    Exhausted,
    Conflict,
    NoSource,
}

/// What an event says of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    kind: String,
    netns: u32,
    pid: u32,
    local: Option<IpAddr>,
    local_port: Option<u64>,
    peer: SocketAddr,
}

impl Scene {
    pub fn new(seed: u64) -> Self {
        let taken = Netns::named(RANGE);
        let without_ipv6 = Netns::named(RANGE);
        without_ipv6.sysctl("ipv6/conf/all/disable_ipv6", 1);
        let servers = PORTS.map(|port| server::listen(&taken, port));
        let open = taken.run(|| {
            let mut open = Vec::new();
            for family in [Family::V4, Family::V6] {
                for port in PORTS {
                    let peer = SocketAddr::new(family.loopback(), port);
                    let bound = family.bound(SocketAddr::new(family.loopback(), BOUND));
                    bound.connect(&family.name(peer)).expect("connect");
                    open.push(bound);
                    open.append(&mut socket::exhaust(family, peer));
                }
            }
            open
        });
        Self {
            taken,
            without_ipv6,
            seed,
            _servers: servers,
            _open: open,
        }
    }

    pub fn namespaces(&self) -> [&Netns; 2] {
        [&self.taken, &self.without_ipv6]
    }

    /// Lets connects fail in a random order, here and in other processes; returns what is to be
    /// told of them.
    pub fn fail(&self) -> Vec<Failure> {
        let mut rng = Rng::with_seed(self.seed);
        let mut attempts: Vec<(Cause, Family, SocketAddr)> = Vec::new();
        for family in [Family::V4, Family::V6] {
            for port in PORTS {
                let peer = SocketAddr::new(family.loopback(), port);
                for _ in 0..OF_EACH {
                    let mapped = family == Family::V4 && rng.bool();
                    let family = if mapped { Family::Mapped } else { family };
                    attempts.push((Cause::Exhausted, family, peer));
                    attempts.push((Cause::Conflict, family, peer));
                }
            }
        }
        let peer = SocketAddr::new(Family::V6.loopback(), PORTS[0]);
        attempts.extend((0..OF_EACH).map(|_| (Cause::NoSource, Family::V6, peer)));
        rng.shuffle(&mut attempts);
        let failures = attempts.into_iter().map(|(cause, family, peer)| {
            let elsewhere = rng.bool();
            self.fail_one(cause, family, peer, elsewhere)
        });
        failures.collect()
    }

    fn fail_one(&self, cause: Cause, family: Family, peer: SocketAddr, elsewhere: bool) -> Failure {
        let netns = match cause {
            Cause::NoSource => &self.without_ipv6,
            Cause::Exhausted | Cause::Conflict => &self.taken,
        };
        let bound = (cause == Cause::Conflict).then_some(BOUND);
        let local = bound.map(|port| SocketAddr::new(family.loopback(), port));
        let attempt = Attempt::new(family, local, peer);
        let pid = netns.run(|| {
            if elsewhere {
                // SAFETY: an attempt makes system calls only.
                let child = unsafe { Forked::start(None, || attempt.make()) };
                let pid = child.pid();
                assert_eq!(child.code(), libc::EADDRNOTAVAIL);
                pid
            } else {
                assert_eq!(attempt.make(), libc::EADDRNOTAVAIL);
                std::process::id()
            }
        });
        let kind = match cause {
            Cause::Exhausted => "exhausted",
            Cause::Conflict => "conflict",
            Cause::NoSource => "no_source_address",
        };
        Failure {
            kind: kind.to_owned(),
            netns: netns.inum(),
            pid,
            local: (cause != Cause::NoSource).then_some(family.loopback()),
            local_port: bound.map(u64::from),
            peer,
        }
    }

    /// What an event of these namespaces says; none of other events.
    pub fn failure(&self, event: &Event) -> Option<Failure> {
        if !["exhausted", "conflict", "no_source_address"].contains(&event.kind()) {
            return None;
        }
        let netns = event.small("netns");
        if !self.namespaces().iter().any(|own| own.inum() == netns) {
            return None;
        }
        assert_eq!(event.number("suppressed"), 0, "{event:?}");
        let given = |key| (!event.is_null(key)).then_some(key);
        Some(Failure {
            kind: event.kind().to_owned(),
            netns,
            pid: event.small("pid"),
            local: given("local_ip").map(|key| event.text(key).parse().expect("an address")),
            local_port: given("local_port").map(|key| event.number(key)),
            peer: event.peer().expect("a peer"),
        })
    }
}
