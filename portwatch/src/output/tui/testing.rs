//! A recorded incident, for the tests of what is shown.

use std::{net::IpAddr, sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};

use super::state::{App, Column, GroupBy, Setup};
use crate::model::{
    Ages, Blocker, Event, EventKind, Forecast, Headroom, Hold, Interval, Item, NetnsId, Opener,
    OpenerProcess, Openers, Owner, Place, PortSet, Ratios, Report, Room, Search, Started, States,
    TracerState, Tuple, TupleSample, Usage,
    testing::{alert, explanation, failure, namespace, process, sample, tuple},
};

const CONTAINER: &str = "3f9a1c0d5e7b2468ace013579bdf02468ace13579bdf02468ace13579bdf0246";

/// The incident's clock.
pub fn at(second: i64) -> Timestamp {
    let start: Timestamp = "2026-03-01T16:40:00Z".parse().unwrap();
    start + jiff::SignedDuration::from_secs(second)
}

fn shop() -> NetnsId {
    NetnsId {
        name: Some(Arc::from("shop")),
        inum: 4_026_532_111,
        cookie: 8,
    }
}

/// The tuple that runs out.
pub fn worst() -> Tuple {
    tuple("127.0.0.1", "127.0.0.1", 8001)
}

fn counted(tuple: Tuple, usage: (u32, u32), rate: f64, totals: (u64, u64)) -> TupleSample {
    let usage = Usage {
        used: usage.0,
        time_wait: usage.1,
        reclaimable: None,
        capacity: 500,
        room: None,
    };
    let left = 500.0 - f64::from(usage.used);
    TupleSample {
        tuple,
        usage,
        forecast: Forecast {
            rate: Some(rate),
            seconds_to_exhaustion: (rate > 0.0).then(|| (left / rate).max(0.0)),
        },
        opened: totals.0,
        exhausted: totals.1,
        ..sample(1, 0, 500)
    }
}

/// What is counted at a second: one tuple fills by ten a second and fails from the 50th on.
fn samples(second: u32) -> Vec<TupleSample> {
    let in_shop = |local: &str, peer: &str, port| Tuple {
        netns: shop(),
        local_ip: Some(local.parse::<IpAddr>().unwrap()),
        ..tuple("127.0.0.1", peer, port)
    };
    let used = (10 * second).min(500);
    let failed = u64::from(second.saturating_sub(50)) * 21;
    let opened = u64::from(used) + failed;
    let rate = if used < 500 { 10.0 } else { 0.0 };
    vec![
        counted(worst(), (used, 0), rate, (opened, failed)),
        counted(
            tuple("127.0.0.1", "127.0.0.1", 8002),
            (412, 0),
            1.5,
            (412, 0),
        ),
        counted(
            in_shop("10.0.0.5", "10.0.0.9", 5432),
            (260, 200),
            -0.4,
            (9000, 0),
        ),
        counted(
            in_shop("2001:db8::5", "2001:db8::1", 443),
            (12, 0),
            0.0,
            (12, 0),
        ),
    ]
}

fn event(second: i64, kind: EventKind) -> Item {
    let time = at(second);
    Item::Event(Event { time, kind })
}

fn interval(second: u32) -> Item {
    Item::Interval(Interval {
        time: at(second.into()),
        samples: samples(second),
        binds: Vec::new(),
        tracer: TracerState {
            sockets: 1184,
            sweeps: 1,
            ..TracerState::default()
        },
    })
}

fn openers() -> Item {
    let opener = |pid, comm: &str, live, container: Option<&str>| Opener {
        process: Some(OpenerProcess {
            pid,
            comm: comm.to_owned(),
            ended: false,
            place: Place {
                unit: container.is_none().then(|| "haproxy.service".to_owned()),
                container: container.map(str::to_owned),
                pod: None,
            },
        }),
        live,
        time_wait: 0,
        oldest: Some(Duration::from_secs(700)),
    };
    let samples = samples(50);
    Item::Openers(Openers {
        time: at(50),
        tuples: vec![
            (
                samples[0].tuple.clone(),
                vec![opener(812, "haproxy", 500, None)],
            ),
            (
                samples[2].tuple.clone(),
                vec![opener(77, "php-fpm\u{1b}[2J", 60, Some(CONTAINER))],
            ),
        ],
    })
}

/// A close look at the tuple that runs out.
pub fn report() -> Item {
    let mut states = States::default();
    (states.0[1], states.0[8]) = (480, 20);
    let namespace = namespace();
    let mut ages = Ages::default();
    for age in [5, 40, 40, 700] {
        ages.add(Some(Duration::from_secs(age)));
    }
    Item::Report(Box::new(Report {
        time: at(58),
        kernel: "6.18.44".to_owned(),
        tuple: worst(),
        search: Search::of(namespace.range),
        room: Room {
            reserved: 0,
            blocked: 2,
            untold: 0,
            capacity: 498,
            used: 500,
            reclaimable: 0,
            headroom: Headroom { sure: 0, most: 0 },
            free: PortSet::default(),
        },
        namespace,
        forecast: Forecast::default(),
        states,
        ages,
        openers: Vec::new(),
        blockers: Ok(vec![Blocker {
            owner: Owner::Process {
                pid: 900,
                comm: "nginx".to_owned(),
            },
            hold: Hold::Listener,
            ports: vec![40_007, 40_008],
        }]),
        failures: Default::default(),
        watched_since: Some(at(0)),
        failing_since: Some(at(50)),
        explanation: explanation(),
    }))
}

/// The incident up to a second, at most the 60th.
pub fn items(until: u32) -> Vec<Item> {
    let started = Started {
        hooks: "fentry".to_owned(),
        kernel: "6.18.44".to_owned(),
        blind_spots: Vec::new(),
        namespaces: vec![
            namespace(),
            crate::model::Namespace {
                id: shop(),
                ..namespace()
            },
        ],
        sockets: 684,
        tuples: samples(0),
    };
    let mut items = vec![event(0, EventKind::Started(started))];
    for second in 1..=until {
        items.push(interval(second));
        let mut crossed = |kind, used| {
            let mut alert = alert(kind);
            alert.tuple = worst();
            alert.usage.used = used;
            items.push(event(second.into(), EventKind::Alert(alert)));
        };
        match second {
            25 => crossed(crate::model::AlertKind::Warning, 250),
            40 => crossed(crate::model::AlertKind::Critical, 400),
            50 => {
                let mut failure = failure();
                failure.tuple = worst();
                failure.process = Some(process(812, "haproxy"));
                items.push(event(50, EventKind::Failure(failure)));
                items.push(openers());
            }
            _ => {}
        }
    }
    items
}

/// How a test's screen begins.
pub fn setup() -> Setup {
    Setup {
        ratios: Ratios::default(),
        sort: Column::Worst,
        group: GroupBy::None,
        freeze: false,
        host: Some("web-3".to_owned()),
        zone: TimeZone::UTC,
    }
}

/// What is shown at a second of the incident.
pub fn app(until: u32) -> App {
    let mut app = App::new(setup());
    items(until).iter().for_each(|item| app.take(item));
    app.refresh(10);
    app
}
