//! Values for the unit tests of this crate.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    Advice, Ages, Alert, AlertKind, BindCause, BindFailure, Cause, Culprit, Event, EventKind,
    Explanation, Failure, Failures, Forecast, Namespace, NetnsId, Obstacles, Opener, OpenerProcess,
    Place, PortRange, Process, Report, Search, States, Tuple, TupleSample, Usage,
};

pub(crate) fn netns() -> NetnsId {
    NetnsId {
        name: Some(Arc::from("web1")),
        inum: 4_026_532_000,
        cookie: 7,
    }
}

pub(crate) fn namespace() -> Namespace {
    Namespace {
        id: netns(),
        range: PortRange {
            low: 40_000,
            high: 40_499,
        },
        reserved: 0,
        blocked: None,
        tw_reuse: Some(2),
        tw_reuse_delay: None,
        timestamps: None,
        unreachable: None,
    }
}

pub(crate) fn tuple(local: &str, peer: &str, peer_port: u16) -> Tuple {
    Tuple {
        netns: netns(),
        bound_dev: 0,
        local_ip: Some(local.parse().unwrap()),
        peer_ip: peer.parse().unwrap(),
        peer_port,
    }
}

pub(crate) fn usage(used: u32, capacity: u32) -> Usage {
    Usage {
        used,
        time_wait: 0,
        reclaimable: None,
        capacity,
        room: None,
    }
}

pub(crate) fn sample(peer_port: u16, used: u32, capacity: u32) -> TupleSample {
    TupleSample {
        tuple: tuple("127.0.0.1", "127.0.0.1", peer_port),
        usage: usage(used, capacity),
        forecast: Forecast::default(),
        first_seen: None,
        opened: 0,
        exhausted: 0,
        conflict: 0,
        slowest_search: None,
        untracked: 0,
        states: None,
    }
}

pub(crate) fn process(pid: u32, comm: &str) -> Process {
    Process {
        pid,
        comm: comm.to_owned(),
        uid: 99,
        cgroup: Some("/system.slice/haproxy.service".to_owned()),
        container: None,
    }
}

/// 412 of 500 ports, 31 more a second, by haproxy.
pub(crate) fn alert(kind: AlertKind) -> Alert {
    Alert {
        kind,
        tuple: tuple("127.0.0.1", "127.0.0.1", 8080),
        usage: usage(412, 500),
        forecast: Forecast {
            rate: Some(31.0),
            seconds_to_exhaustion: Some(88.0 / 31.0),
        },
        process: Some(process(812, "haproxy")),
    }
}

/// One connect(2) of haproxy that found 500 of 500 ports in use.
pub(crate) fn failure() -> Failure {
    Failure {
        cause: Cause::Exhausted,
        tuple: tuple("127.0.0.1", "127.0.0.1", 8080),
        usage: Some(usage(500, 500)),
        process: Some(process(812, "haproxy")),
        local_port: None,
        suppressed: 0,
    }
}

/// One UDP bind(2) of haproxy to any port of 127.0.0.1.
pub(crate) fn bind_failure() -> BindFailure {
    BindFailure {
        cause: BindCause::UdpBind,
        netns: netns(),
        range: Some(namespace().range),
        local_ip: Some("127.0.0.1".parse().unwrap()),
        bound_dev: 0,
        process: Some(process(812, "haproxy")),
        suppressed: 0,
    }
}

/// A narrow range and two things to do.
pub(crate) fn explanation() -> Explanation {
    let advice = |title: &str, command: Option<&str>, effect: &str| Advice {
        title: title.to_owned(),
        command: command.map(str::to_owned),
        effect: effect.to_owned(),
    };
    let range = "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"";
    Explanation {
        culprit: Some(Culprit::NarrowRange),
        reason: "of 500 ports 412 are live and 0 in TIME_WAIT".to_owned(),
        advice: vec![
            advice("widen the port range", Some(range), "adds 64,012 ports"),
            advice(
                "carry more over each connection",
                None,
                "412 connections are open now",
            ),
        ],
    }
}

/// A close look at 412 of 500 ports, twelve of which were seen to be opened, and 37 failures.
pub(crate) fn report() -> Report {
    let namespace = namespace();
    let search = Search::of(namespace.range);
    let mut ages = Ages::default();
    let seconds = Duration::from_secs;
    let seen = [
        (2, Some(seconds(3))),
        (10, Some(seconds(41 * 60))),
        (400, None),
    ];
    for (count, age) in seen {
        (0..count).for_each(|_| ages.add(age));
    }
    let mut states = States::default();
    (0..412).for_each(|_| states.add(super::state::ESTABLISHED));
    Report {
        time: Timestamp::UNIX_EPOCH,
        kernel: "6.18.44".to_owned(),
        tuple: tuple("127.0.0.1", "127.0.0.1", 8080),
        search,
        room: search.room(&Obstacles {
            held: (40_000..40_412).collect(),
            ..Obstacles::default()
        }),
        namespace,
        forecast: alert(AlertKind::Critical).forecast,
        states,
        ages,
        openers: vec![
            Opener {
                process: Some(OpenerProcess {
                    pid: 812,
                    comm: "haproxy".to_owned(),
                    ended: false,
                    place: Place {
                        unit: Some("haproxy.service".to_owned()),
                        ..Place::default()
                    },
                }),
                live: 12,
                time_wait: 0,
                oldest: ages.oldest,
            },
            Opener {
                process: None,
                live: 400,
                time_wait: 0,
                oldest: None,
            },
        ],
        blockers: Ok(Vec::new()),
        failures: Failures {
            connect: Some(37),
            ..Failures::default()
        },
        watched_since: Some(Timestamp::UNIX_EPOCH),
        failing_since: Timestamp::from_second(7).ok(),
        explanation: explanation(),
    }
}

pub(crate) fn event(kind: EventKind) -> Event {
    Event {
        time: "2026-03-01T16:40:07.214512Z".parse().unwrap(),
        kind,
    }
}
