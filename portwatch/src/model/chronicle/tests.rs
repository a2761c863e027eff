use jiff::{SignedDuration, Timestamp};

use super::{Chronicle, MEMORY};
use crate::model::{
    AlertKind, BindSample, Event, EventKind, Interval, Item, Opener, OpenerProcess, Openers, Place,
    Started, TracerState, TupleSample,
    testing::{alert, failure, namespace, netns, sample, tuple},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn happened(second: i64, kind: EventKind) -> Item {
    let time = at(second);
    Item::Event(Event { time, kind })
}

fn started(tuples: Vec<TupleSample>) -> Item {
    happened(
        0,
        EventKind::Started(Started {
            hooks: "fentry".to_owned(),
            kernel: "6.18.44".to_owned(),
            blind_spots: Vec::new(),
            namespaces: vec![namespace()],
            sockets: 7,
            tuples,
        }),
    )
}

fn interval(second: i64, samples: Vec<TupleSample>) -> Item {
    Item::Interval(Interval {
        time: at(second),
        samples,
        binds: Vec::new(),
        tracer: TracerState::default(),
    })
}

/// Port 8080, so many ports in use, attempts and failures.
fn counted(used: u32, opened: u64, exhausted: u64) -> TupleSample {
    TupleSample {
        opened,
        exhausted,
        ..sample(8080, used, 500)
    }
}

fn told(items: &[Item]) -> Chronicle {
    let mut chronicle = Chronicle::new();
    items.iter().for_each(|item| chronicle.take(item));
    chronicle
}

fn story(chronicle: &Chronicle) -> &super::Story {
    let tuple = tuple("127.0.0.1", "127.0.0.1", 8080);
    chronicle.story(&tuple).unwrap()
}

#[test]
fn failures_count_from_the_start_on() {
    let before = vec![counted(10, 100, 40)];
    let chronicle = told(&[started(before), interval(1, vec![counted(10, 103, 42)])]);
    let failures = story(&chronicle).failures();
    assert_eq!((failures.connect, failures.conflict), (Some(2), Some(0)));
    assert_eq!(failures.bind, None);
    assert_eq!(story(&chronicle).failing_since(), Some(at(1)));
    assert_eq!(story(&chronicle).watched_since(), at(0));
    // Everything of a tuple that came later happened since.
    let later = told(&[started(Vec::new()), interval(1, vec![counted(10, 50, 40)])]);
    assert_eq!(later.failures().connect, Some(40));
    // Without a start, what the first look finds is from before.
    let joined = told(&[
        interval(1, vec![counted(10, 50, 40)]),
        interval(2, vec![counted(10, 51, 41)]),
    ]);
    assert_eq!(joined.failures().connect, Some(1));
}

#[test]
fn events_and_counts_of_the_same_failures_do_not_add_up() {
    let mut storm = failure();
    storm.suppressed = 9;
    let items = [
        started(Vec::new()),
        happened(1, EventKind::Failure(failure())),
        happened(2, EventKind::Failure(storm)),
        interval(3, vec![counted(500, 511, 11)]),
        interval(4, vec![counted(500, 520, 20)]),
    ];
    let at_the_events = told(&items[..3]);
    assert_eq!(at_the_events.failures().connect, Some(11));
    assert_eq!(story(&at_the_events).failing_since(), Some(at(1)));
    let usage = story(&at_the_events).sample().map(|sample| sample.usage);
    assert_eq!(
        usage.map(|usage| usage.used),
        Some(500),
        "events tell it, too"
    );
    assert_eq!(told(&items[..4]).failures().connect, Some(11));
    let chronicle = told(&items);
    assert_eq!(chronicle.failures().connect, Some(20));
    assert!((story(&chronicle).failures_per_second() - 9.0).abs() < 1e-9);
    assert_eq!(story(&chronicle).events().len(), 2);
}

#[test]
fn the_trend_is_of_the_live_connections_that_came_about() {
    let mut chronicle = told(&[started(Vec::new())]);
    for second in 0..=20_u32 {
        let mut sample = counted(10 * second, 60 * u64::from(second), 40 * u64::from(second));
        sample.usage.time_wait = 4 * second;
        chronicle.take(&interval(second.into(), vec![sample]));
    }
    let trend = story(&chronicle).trend().unwrap();
    assert!((trend.opened - 20.0).abs() < 1e-9, "{trend:?}");
    assert!((trend.growth - 6.0).abs() < 1e-9, "{trend:?}");
}

#[test]
fn a_tuple_in_a_new_slot_goes_on_counting() {
    let born = |second: u64, exhausted| TupleSample {
        first_seen: Some(std::time::Duration::from_secs(second)),
        ..counted(1, 0, exhausted)
    };
    let chronicle = told(&[
        started(Vec::new()),
        interval(1, vec![born(1, 3)]),
        interval(2, Vec::new()),
        interval(3, vec![born(3, 4)]),
    ]);
    assert_eq!(story(&chronicle).failures().connect, Some(7));
    assert_eq!(chronicle.failures().connect, Some(7));
}

#[test]
fn what_is_gone_is_remembered_while_it_failed_of_late() {
    let memory = MEMORY.as_secs();
    let mut chronicle = told(&[
        started(vec![sample(80, 5, 500)]),
        interval(1, vec![sample(80, 5, 500), counted(500, 501, 1)]),
        interval(2, Vec::new()),
    ]);
    assert_eq!(chronicle.stories().len(), 1);
    let usage = story(&chronicle).sample().map(|sample| sample.usage);
    assert_eq!(
        usage.map(|usage| (usage.used, usage.capacity)),
        Some((0, 500))
    );
    chronicle.take(&interval(memory, Vec::new()));
    assert_eq!(chronicle.stories().len(), 1);
    chronicle.take(&interval(memory + 1, Vec::new()));
    assert_eq!(chronicle.stories().len(), 0);
    assert_eq!(chronicle.failures().connect, Some(1), "totals stay");
}

#[test]
fn the_owner_is_who_opened_most_or_else_who_was_heard_of() {
    let warning = happened(1, EventKind::Alert(alert(AlertKind::Warning)));
    let mut chronicle = told(&[started(Vec::new()), warning]);
    assert_eq!(story(&chronicle).owner(), Some((812, "haproxy")));
    assert_eq!(story(&chronicle).container(), None);
    let opener = |process| Opener {
        process,
        live: 9,
        time_wait: 0,
        oldest: None,
    };
    let nginx = OpenerProcess {
        pid: 900,
        comm: "nginx".to_owned(),
        ended: false,
        place: Place {
            container: Some("web1".to_owned()),
            ..Place::default()
        },
    };
    let tuples = vec![(
        tuple("127.0.0.1", "127.0.0.1", 8080),
        vec![opener(None), opener(Some(nginx))],
    )];
    let time = at(2);
    chronicle.take(&Item::Openers(Openers { time, tuples }));
    assert_eq!(story(&chronicle).owner(), Some((900, "nginx")));
    assert_eq!(story(&chronicle).container(), Some("web1"));
    let tuples = Vec::new();
    chronicle.take(&Item::Openers(Openers { time, tuples }));
    assert_eq!(story(&chronicle).owner(), Some((812, "haproxy")));
}

#[test]
fn binds_are_those_of_the_namespace() {
    let mut last = interval(1, vec![counted(1, 1, 0)]);
    if let Item::Interval(interval) = &mut last {
        interval.binds.push(BindSample {
            netns: netns(),
            tcp_bind: 2,
            udp_bind: 3,
            udp_autobind: 4,
        });
    }
    let chronicle = told(&[started(Vec::new()), last]);
    for failures in [story(&chronicle).failures(), chronicle.failures()] {
        assert_eq!((failures.bind, failures.udp), (Some(2), Some(7)));
    }
}

#[test]
fn a_name_that_becomes_known_makes_no_other_tuple() {
    let mut nameless = counted(1, 1, 0);
    nameless.tuple.netns.name = None;
    let chronicle = told(&[started(vec![nameless]), interval(1, vec![counted(2, 2, 0)])]);
    assert_eq!(chronicle.stories().len(), 1);
    assert_eq!(story(&chronicle).tuple().netns, netns());
}

#[test]
fn blocked_is_what_the_capacity_leaves_of_the_range() {
    let narrow = TupleSample {
        usage: crate::model::testing::usage(1, 480),
        ..counted(1, 1, 0)
    };
    let chronicle = told(&[started(vec![narrow])]);
    assert_eq!(chronicle.blocked(story(&chronicle)), Some(20));
    // Somebody made the range wider meanwhile.
    let wide = TupleSample {
        usage: crate::model::testing::usage(1, 28_000),
        ..counted(1, 1, 0)
    };
    let chronicle = told(&[started(vec![wide])]);
    assert_eq!(chronicle.blocked(story(&chronicle)), None);
}

#[test]
fn everything_kept_has_an_end() {
    let mut chronicle = told(&[started(Vec::new())]);
    for second in 1..=1000 {
        chronicle.take(&happened(second, EventKind::Failure(failure())));
        let count = u32::try_from(second).unwrap();
        chronicle.take(&interval(second, vec![counted(count % 500, 0, 0)]));
    }
    assert_eq!(story(&chronicle).events().len(), super::EVENTS.0);
    assert_eq!(story(&chronicle).course().points().len(), super::POINTS.0);
    let mut chronicle = told(&[started(Vec::new())]);
    let crowd = |n: u32| TupleSample {
        tuple: crate::model::Tuple {
            peer_ip: std::net::Ipv4Addr::from(n).into(),
            ..tuple("127.0.0.1", "127.0.0.1", 8080)
        },
        ..counted(1, 1, 0)
    };
    let most = u32::try_from(super::TUPLES).unwrap();
    chronicle.take(&interval(1, (0..most + 10).map(crowd).collect()));
    assert_eq!(chronicle.stories().len(), super::TUPLES);
    let later = at(1) + SignedDuration::from_secs(1);
    assert!(chronicle.now() < Some(later));
}
