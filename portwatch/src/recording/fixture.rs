//! Sessions for the tests: made up, and of every kind of item.

use std::{net::IpAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use proptest::prelude::*;

use super::{Header, Writer};
use crate::model::{
    AlertKind, BindCause, BindSample, Blocker, Cause, Event, EventKind, Forecast, Headroom, Hold,
    Interval, Item, NetnsId, Opener, OpenerProcess, Openers, Owner, Place, PortSet, Ratio, Report,
    Started, States, TracerState, Tuple, TupleSample, Usage,
    testing::{alert, bind_failure, failure, namespace, report},
};

pub fn header() -> Header {
    Header {
        version: "0.1.0".to_owned(),
        kernel: "6.18.44".to_owned(),
        host: "proxy-1".to_owned(),
        started: "2026-03-01T16:40:07.214512345Z".parse().unwrap(),
        warning: Ratio::WARNING,
        critical: Ratio::CRITICAL,
    }
}

/// A whole recording.
pub fn recorded(items: &[Item]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, &header()).unwrap();
    for item in items {
        assert!(writer.write(item).unwrap());
    }
    writer.finish().unwrap();
    assert_eq!(writer.written(), bytes.len() as u64);
    bytes
}

/// Items as they compare: samples are in no order.
pub fn sorted(items: impl IntoIterator<Item = Item>) -> Vec<Item> {
    let mut items: Vec<Item> = items.into_iter().collect();
    for item in &mut items {
        if let Item::Interval(interval) = item {
            interval
                .samples
                .sort_by_cached_key(|sample| format!("{sample:?}"));
        }
    }
    items
}

/// Sessions of few tuples, which come, change and go.
pub fn session() -> impl Strategy<Value = Vec<Item>> {
    prop::collection::vec(item(), 0..30)
}

fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        3 => interval().prop_map(Item::Interval),
        2 => event().prop_map(Item::Event),
        1 => (time(), prop::collection::vec((tuple(), openers()), 0..3))
            .prop_map(|(time, tuples)| Item::Openers(Openers { time, tuples })),
        1 => reports().prop_map(|report| Item::Report(Box::new(report))),
    ]
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(|ns| Timestamp::from_nanosecond(ns.into()).unwrap())
}

fn duration() -> impl Strategy<Value = Option<Duration>> {
    prop::option::of((0..u64::MAX, 0..1_000_000_000_u32).prop_map(|(s, ns)| Duration::new(s, ns)))
}

/// Some of few, so that the same one is in several intervals, or in one several times.
fn tuple() -> impl Strategy<Value = Tuple> {
    let ip = |ip: &str| ip.parse::<IpAddr>().unwrap();
    let local = prop::sample::select(vec![None, Some(ip("10.0.0.1")), Some(ip("fd00::1"))]);
    let name = prop::sample::select(vec![None, Some("web1"), Some("\u{1b}[2J")]);
    (local, name, 443..446_u16).prop_map(move |(local_ip, name, peer_port)| Tuple {
        netns: NetnsId {
            name: name.map(Arc::from),
            inum: 4_026_532_000,
            cookie: 7,
        },
        bound_dev: 0,
        local_ip,
        peer_ip: ip("10.0.0.2"),
        peer_port,
    })
}

fn usage() -> impl Strategy<Value = Usage> {
    let small = 0..3_u32;
    let any = any::<(u32, u32, Option<u32>, u32, Option<(u32, u32)>)>();
    let few = (small.clone(), small).prop_map(|(used, time_wait)| (used, time_wait, None, 9, None));
    prop_oneof![few, any].prop_map(|(used, time_wait, reclaimable, capacity, room)| Usage {
        used,
        time_wait,
        reclaimable,
        capacity,
        room: room.map(|(sure, most)| Headroom { sure, most }),
    })
}

fn forecast() -> impl Strategy<Value = Forecast> {
    any::<(Option<f64>, Option<f64>)>().prop_map(|(rate, seconds_to_exhaustion)| Forecast {
        rate,
        seconds_to_exhaustion,
    })
}

fn sample() -> impl Strategy<Value = TupleSample> {
    let total = || prop_oneof![0..3_u64, any::<u64>()];
    (
        (tuple(), usage(), forecast()),
        (total(), total(), total()),
        (duration(), duration(), 0..2_u32),
        prop::option::of(any::<[u32; 13]>()),
    )
        .prop_map(|(what, totals, rest, states)| TupleSample {
            tuple: what.0,
            usage: what.1,
            forecast: what.2,
            first_seen: rest.0,
            opened: totals.0,
            exhausted: totals.1,
            conflict: totals.2,
            slowest_search: rest.1,
            untracked: rest.2,
            states: states.map(States),
        })
}

fn interval() -> impl Strategy<Value = Interval> {
    let binds = prop::collection::vec((tuple(), 0..2_u64), 0..2).prop_map(|binds| {
        let of = |(tuple, count): (Tuple, u64)| BindSample {
            netns: tuple.netns,
            tcp_bind: count,
            udp_bind: u64::MAX - count,
            udp_autobind: 0,
        };
        binds.into_iter().map(of).collect()
    });
    (
        time(),
        prop::collection::vec(sample(), 0..8),
        binds,
        any::<(u64, u64)>(),
        prop::collection::btree_map("[a-z_]{1,9}", any::<u64>(), 0..3),
    )
        .prop_map(|(time, samples, binds, numbers, misses)| Interval {
            time,
            samples,
            binds,
            tracer: TracerState {
                sockets: numbers.0,
                sweeps: numbers.1,
                corrections: 0,
                lost_events: 3,
                recursion_misses: misses,
            },
        })
}

fn event() -> impl Strategy<Value = Event> {
    let kinds = prop::sample::select(vec![
        AlertKind::Warning,
        AlertKind::Critical,
        AlertKind::Predicted,
        AlertKind::Recovered,
        AlertKind::SlowSearch(Duration::MAX),
    ]);
    let alerts =
        (kinds, tuple(), usage(), forecast()).prop_map(|(kind, tuple, usage, forecast)| {
            let mut alert = alert(kind);
            (alert.tuple, alert.usage, alert.forecast) = (tuple, usage, forecast);
            EventKind::Alert(alert)
        });
    let causes = prop::sample::select(vec![
        Cause::Exhausted,
        Cause::Conflict,
        Cause::NoSourceAddress,
    ]);
    let failures = (causes, tuple(), prop::option::of(usage()), any::<u64>()).prop_map(
        |(cause, tuple, usage, suppressed)| {
            let mut failure = failure();
            (failure.cause, failure.tuple, failure.usage) = (cause, tuple, usage);
            failure.suppressed = suppressed;
            failure.local_port = Some(7);
            EventKind::Failure(failure)
        },
    );
    let binds = prop::sample::select(BindCause::ALL.to_vec()).prop_map(|cause| {
        let mut failure = bind_failure();
        failure.cause = cause;
        EventKind::BindFailure(failure)
    });
    let kind = prop_oneof![
        started().prop_map(EventKind::Started),
        alerts,
        failures,
        binds,
        any::<u64>().prop_map(|events| EventKind::Lost { events }),
        "\\PC{0,9}|[\\x00-\\x1f]{0,3}".prop_map(|reason| EventKind::Degraded { reason }),
    ];
    (time(), kind).prop_map(|(time, kind)| Event { time, kind })
}

fn started() -> impl Strategy<Value = Started> {
    let tuples = prop::collection::vec(sample(), 0..3);
    (tuples, any::<u64>()).prop_map(|(tuples, sockets)| Started {
        hooks: "fentry".to_owned(),
        kernel: "6.18.44".to_owned(),
        blind_spots: vec!["UDP".to_owned()],
        namespaces: vec![namespace()],
        sockets,
        tuples,
    })
}

fn openers() -> impl Strategy<Value = Vec<Opener>> {
    let process = (any::<u32>(), any::<bool>()).prop_map(|(pid, ended)| OpenerProcess {
        pid,
        comm: "haproxy".to_owned(),
        ended,
        place: Place {
            unit: Some("haproxy.service".to_owned()),
            ..Place::default()
        },
    });
    let opener = (prop::option::of(process), any::<(u32, u32)>(), duration());
    let opener = opener.prop_map(|(process, (live, time_wait), oldest)| Opener {
        process,
        live,
        time_wait,
        oldest,
    });
    prop::collection::vec(opener, 0..3)
}

fn reports() -> impl Strategy<Value = Report> {
    let blocker = |ports| Blocker {
        owner: Owner::Nobody,
        hold: Hold::TimeWait,
        ports,
    };
    let ports = || prop::collection::vec(any::<u16>(), 0..9);
    let blockers = prop_oneof![
        ports().prop_map(move |ports| Ok(vec![blocker(ports)])),
        Just(Err("no".to_owned())),
    ];
    let numbers = any::<([u32; 5], u32, u32)>();
    (time(), tuple(), openers(), blockers, ports(), numbers).prop_map(
        |(time, tuple, openers, blockers, free, numbers)| {
            let mut report = report();
            (report.time, report.tuple) = (time, tuple);
            (report.openers, report.blockers) = (openers, blockers);
            report.room.free = free.into_iter().collect::<PortSet>();
            report.watched_since = Some(time);
            (report.ages.spread, report.ages.unknown) = (numbers.0, numbers.1);
            report.room.headroom.most = numbers.2;
            report
        },
    )
}
