//! A tuple filled to failure: what was promised before, and who is named after.

use std::net::SocketAddr;

use rustix::{
    io::Errno,
    process::Uid,
    thread::{set_name, set_thread_res_uid},
};
use socket2::Socket;

use crate::support::{
    event::Event,
    netns::Netns,
    server,
    socket::{self, Family},
    watcher::Watcher,
};

const PORT: u16 = 8080;
const UID: u32 = 12_345;
const COMM: &str = "pwtest-client";
/// Not more than a tuple may send in a window of the rate limit: each has a line of its own.
const FAILURES: usize = 5;

struct Case {
    family: Family,
    range: std::ops::RangeInclusive<u16>,
    reserved: &'static str,
    capacity: u32,
}

#[test]
fn ipv4_ten_ports() {
    fill(&Case {
        family: Family::V4,
        range: 30_000..=30_009,
        reserved: "",
        capacity: 10,
    });
}

#[test]
fn ipv4_reserved_ports_inside_and_outside_of_the_range() {
    let reserved = "29000,29990-30001,30007,30019-30100,40000";
    fill(&Case {
        family: Family::V4,
        range: 30_000..=30_019,
        reserved,
        capacity: 16,
    });
}

#[test]
fn ipv4_five_hundred_ports() {
    fill(&Case {
        family: Family::V4,
        range: 30_000..=30_499,
        reserved: "",
        capacity: 500,
    });
}

#[test]
fn ipv6() {
    fill(&Case {
        family: Family::V6,
        range: 30_000..=30_039,
        reserved: "30000",
        capacity: 39,
    });
}

#[test]
fn ipv4_by_an_ipv6_socket() {
    fill(&Case {
        family: Family::Mapped,
        range: 30_000..=30_039,
        reserved: "",
        capacity: 40,
    });
}

fn fill(case: &Case) {
    let netns = Netns::named(case.range.clone());
    netns.reserve(case.reserved);
    let _server = server::listen(&netns, PORT);
    let peer = SocketAddr::new(case.family.loopback(), PORT);
    let watcher = Watcher::start(&[&netns], &[]);

    let open = netns.run(|| {
        set_name(&std::ffi::CString::new(COMM).unwrap()).unwrap();
        let uid = Uid::from_raw(UID);
        set_thread_res_uid(uid, uid, uid).unwrap();
        connect_until_failure(case.family, peer)
    });
    assert_eq!(
        open.len(),
        case.capacity as usize,
        "connections before the first failure"
    );
    let events = watcher.wait_for("every failure", |events| {
        let exhausted = events.iter().filter(|e| e.is("exhausted")).count();
        (exhausted >= FAILURES).then(|| events.to_vec())
    });
    let of_kind = |kind: &str| events.iter().filter(|e| e.is(kind)).collect::<Vec<_>>();
    let place = |kind: &str| events.iter().position(|e| e.is(kind)).expect(kind);
    assert!(place("started") < place("warning"));
    assert!(place("warning") < place("critical"));
    assert!(place("critical") < place("exhausted"));
    let (warning, critical) = (of_kind("warning"), of_kind("critical"));
    assert_eq!((warning.len(), critical.len()), (1, 1));
    assert_eq!(warning[0].small("used"), case.capacity.div_ceil(2));
    assert_eq!(critical[0].small("used"), (case.capacity * 4).div_ceil(5));
    let exhausted = of_kind("exhausted");
    assert_eq!(exhausted.len(), FAILURES, "one for each failed connect");
    for event in warning.iter().chain(&critical).chain(&exhausted) {
        check_facts(event, case, &netns, peer);
    }
    for event in exhausted {
        assert_eq!(event.small("used"), case.capacity);
        assert_eq!(event.number("headroom"), 0);
        assert_eq!(event.number("suppressed"), 0);
        assert_eq!(event.text("cause"), "exhausted");
        assert_eq!(event.text("errno"), "EADDRNOTAVAIL");
    }

    open.iter().for_each(socket::disconnect);
    let recovered = watcher.first("recovered");
    assert_eq!(recovered.tuple(), (case.family.loopback(), peer));
    assert!(recovered.small("used") < case.capacity.div_ceil(2));
    let events = watcher.stop();
    assert_eq!(events.iter().filter(|e| e.is("recovered")).count(), 1);
    assert_eq!(
        events.iter().filter(|e| e.is("exhausted")).count(),
        FAILURES
    );
    for kind in ["conflict", "no_source_address", "lost", "degraded"] {
        assert!(!events.iter().any(|e| e.is(kind)), "{kind}: {events:#?}");
    }
}

/// Opens what can be opened, fails [`FAILURES`] times, and returns the open ones.
fn connect_until_failure(family: Family, peer: SocketAddr) -> Vec<Socket> {
    let open = socket::exhaust(family, peer);
    for _ in 1..FAILURES {
        assert_eq!(
            socket::errno(&family.connect(peer)),
            Some(Errno::ADDRNOTAVAIL)
        );
    }
    open
}

fn check_facts(event: &Event, case: &Case, netns: &Netns, peer: SocketAddr) {
    assert_eq!(event.tuple(), (case.family.loopback(), peer));
    assert_eq!(event.small("netns"), netns.inum());
    assert_eq!(event.text("netns_name"), netns.name().unwrap());
    assert_eq!(event.small("capacity"), case.capacity);
    assert_eq!(event.number("time_wait"), 0);
    assert_eq!(event.small("pid"), std::process::id());
    assert_eq!(event.text("comm"), COMM);
    assert_eq!(event.small("uid"), UID);
    assert!(event.text("time").ends_with('Z'));
    if let Some(cgroup) = own_cgroup() {
        assert_eq!(event.text("cgroup"), cgroup);
    }
}

/// The test's own cgroup (v2), unless that is the root, which tells nothing.
fn own_cgroup() -> Option<String> {
    let text = std::fs::read_to_string("/proc/self/cgroup").expect("cgroups");
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    (path != "/").then(|| path.to_owned())
}
