//! Incidents that were published, rebuilt small: the verdict, and what its advice brings.

use std::{
    net::SocketAddr,
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use serde_json::Value;
use socket2::Socket;

use crate::support::{
    netns::Netns,
    process::{finish_once, portwatch, succeed},
    server,
    socket::{self, Family},
    traffic,
};

const RANGE: RangeInclusive<u16> = 30_000..=30_099;
const PORT: u16 = 8080;
/// Between two connections of a leak.
const PACE: Duration = Duration::from_millis(40);

fn peer() -> SocketAddr {
    ([127, 0, 0, 1], PORT).into()
}

/// What portwatch concludes.
struct Explained(Value);

impl Explained {
    /// Of the tuple that leads to the server of this namespace, `meanwhile` going on.
    fn of(netns: &Netns, meanwhile: impl FnMut(u32)) -> Self {
        let (selector, peer) = (netns.selector(), peer().to_string());
        let arguments = [
            "explain", "-v", "--json", "--for", "1s", "-N", &selector, &peer,
        ];
        let finished = finish_once(&mut portwatch(&arguments), "watching for", meanwhile);
        assert_eq!(finished.code(), 0, "{}", finished.stderr);
        Self(serde_json::from_str(&finished.stdout).expect("JSON"))
    }

    fn quietly(netns: &Netns) -> Self {
        Self::of(netns, |_| ())
    }

    fn verdict(&self) -> Option<&str> {
        self.0["verdict"].as_str()
    }

    fn advice(&self, place: usize, key: &str) -> &str {
        self.0["advice"][place][key].as_str().unwrap_or_default()
    }

    /// Culprit and first advice.
    fn is(&self, verdict: &str, first: &str) {
        assert_eq!(self.verdict(), Some(verdict), "{}", self.0);
        assert_eq!(self.advice(0, "title"), first, "{}", self.0);
    }
}

/// This process, as portwatch names it.
fn this() -> String {
    let comm = std::fs::read_to_string("/proc/self/comm").expect("a name");
    format!("{}[{}]", comm.trim_end(), std::process::id())
}

fn open(netns: &Netns, count: usize) -> Vec<Socket> {
    netns.run(|| {
        let connect = |_| Family::V4.connect(peer()).expect("connect");
        (0..count).map(connect).collect()
    })
}

fn bind_to_port_zero() -> Socket {
    Family::V4.bound(SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn capacity(netns: &Netns) -> u64 {
    let (selector, peer) = (netns.selector(), peer().to_string());
    let told = succeed(&mut portwatch(&["free", "--json", "-N", &selector, &peer]));
    let told: Value = serde_json::from_str(&told).expect("JSON");
    told["capacity"].as_u64().expect("a number")
}

/// The number behind `adds`.
fn gain(effect: &str) -> u64 {
    let digits = effect
        .strip_prefix("adds ")
        .expect("adds")
        .split(' ')
        .next();
    let digits = digits.expect("a number").replace(',', "");
    digits.parse().expect("a number")
}

/// A and F: a proxy whose connections last, and a range that could be wider. What the advice promises
/// is what its commands bring.
#[test]
fn connections_that_last() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let _other = server::listen(&netns, 9090);
    let _open = open(&netns, 90);
    let explained = Explained::quietly(&netns);
    explained.is("narrow-range", "widen the port range");
    let before = capacity(&netns);
    let (command, effect) = (
        explained.advice(0, "command"),
        explained.advice(0, "effect"),
    );
    let (reserve, widen) = command.split_once(" && ").expect("two commands");
    assert!(
        reserve.ends_with("ip_local_reserved_ports=8080,9090"),
        "{reserve}"
    );
    assert!(
        widen.ends_with("ip_local_port_range=\"1024 65535\""),
        "{widen}"
    );
    netns.reserve("8080,9090");
    netns.set_range(1024..=65_535);
    assert_eq!(capacity(&netns) - before, gain(effect), "{effect}");
}

/// F, when the range is as wide as it gets.
#[test]
fn nothing_to_widen() {
    let netns = Netns::named(1024..=65_535);
    netns.reserve("1024-29999,30100-65535");
    let _server = server::listen(&netns, PORT);
    let _open = open(&netns, 90);
    let explained = Explained::quietly(&netns);
    let this = this();
    explained.is(
        "too-few-peers",
        &format!("use more peer addresses, or more source addresses, in {this}"),
    );
    assert!(
        explained.advice(0, "effect").contains("adds 100 ports"),
        "{}",
        explained.0
    );
}

/// B: short connections.
#[test]
fn connections_of_a_moment() {
    let netns = Netns::named(RANGE);
    netns.sysctl("ipv4/tcp_tw_reuse", 0);
    let server = server::listen(&netns, PORT);
    traffic::leave_time_wait(&netns, &server, peer(), 80);
    let explained = Explained::quietly(&netns);
    explained.is(
        "churn",
        "keep connections open in the process (keep-alive, a pool)",
    );
    let command = explained.advice(1, "command");
    assert!(
        command.ends_with("sysctl -w net.ipv4.tcp_tw_reuse=2"),
        "{command}"
    );
    netns.sysctl("ipv4/tcp_tw_reuse", 2);
    let explained = Explained::quietly(&netns);
    assert_eq!(explained.verdict(), Some("not-here"), "{}", explained.0);
}

/// C and D: short connections that are bound first.
#[test]
fn connections_of_a_moment_that_were_bound() {
    let netns = Netns::named(RANGE);
    let server = server::listen(&netns, PORT);
    for _ in 0..80 {
        let client = netns.run(bind_to_port_zero);
        client.connect(&peer().into()).expect("connect");
        let (far, _) = server.accept().expect("accept");
        socket::close(client);
        drop(far);
    }
    Explained::quietly(&netns).is(
        "churn",
        "set IP_BIND_ADDRESS_NO_PORT in the process before it binds",
    );
}

/// E: connections that nobody closes.
#[test]
fn a_leak() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let mut all = open(&netns, 60);
    let mut last = Instant::now();
    let explained = Explained::of(&netns, |_| {
        if all.len() < 95 && last.elapsed() > PACE {
            last = Instant::now();
            all.append(&mut open(&netns, 1));
        }
    });
    explained.is("leak", &format!("have {} close its connections", this()));
}

/// G (K5): ports that others hold, by connections to elsewhere or by nothing at all.
#[test]
fn ports_that_others_hold() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let _elsewhere = server::listen(&netns, 8081);
    let this = this();
    let bound: Vec<Socket> = netns.run(|| {
        let client = |_| {
            let client = bind_to_port_zero();
            let elsewhere = SocketAddr::from(([127, 0, 0, 1], 8081));
            client.connect(&elsewhere.into()).expect("connect");
            client
        };
        (0..60).map(client).collect()
    });
    let before = capacity(&netns);
    let explained = Explained::quietly(&netns);
    explained.is(
        "thief",
        &format!("set IP_BIND_ADDRESS_NO_PORT in {this} before it binds"),
    );
    assert!(
        explained
            .advice(0, "effect")
            .starts_with("gives 60 of 100 ports back")
    );
    bound.into_iter().for_each(socket::reset);
    assert_eq!(capacity(&netns) - before, 60);

    let _idle: Vec<Socket> = netns.run(|| (0..60).map(|_| bind_to_port_zero()).collect());
    Explained::quietly(&netns).is(
        "thief",
        &format!("have {this} close the sockets that it only bound"),
    );
}

/// H: connects fail, but not for want of a port here.
#[test]
fn not_here() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let _open = open(&netns, 3);
    let explained = Explained::quietly(&netns);
    assert_eq!(explained.verdict(), Some("not-here"), "{}", explained.0);
    assert!(
        explained.advice(0, "effect").contains("room for 97 more"),
        "{}",
        explained.0
    );
}
