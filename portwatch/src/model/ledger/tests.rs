use std::{collections::HashSet, time::Duration};

use jiff::Timestamp;

use super::{Filter, Growth, Ledger, Standing, TupleSample};
use crate::model::{
    AlertKind, BindSample, Cause, EventKind, NetnsId,
    testing::{alert, event, failure, netns, sample},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Of a slot that was taken in this second.
fn counts(port: u16, born: u64, opened: u64, exhausted: u64) -> TupleSample {
    TupleSample {
        first_seen: Some(Duration::from_secs(born)),
        opened,
        exhausted,
        ..sample(port, 1, 500)
    }
}

/// A ledger, and the samples of the interval before.
#[derive(Default)]
struct Book {
    ledger: Ledger,
    before: Vec<TupleSample>,
}

impl Book {
    fn interval(&mut self, second: i64, samples: &[TupleSample], filter: &Filter) -> Standing {
        let growth = |(place, now): (usize, &TupleSample)| {
            let before = self.before.iter().find(|it| it.tuple == now.tuple);
            Growth::of(place, now, before)
        };
        let growths: Vec<_> = samples.iter().enumerate().filter_map(growth).collect();
        self.before = samples.to_vec();
        self.ledger
            .interval(at(second), samples, &growths, &[], filter, 2)
    }
}

fn take(book: &mut Book, second: i64, samples: &[TupleSample]) -> Standing {
    book.interval(second, samples, &Filter::default())
}

fn ports(standing: &Standing) -> Vec<u16> {
    let ports = standing.rows.iter().map(|row| row.tuple.peer_port);
    ports.collect()
}

#[test]
fn totals_go_on_when_a_slot_begins_anew() {
    let mut book = Book::default();
    take(&mut book, 1, &[counts(80, 1, 10, 4)]);
    take(&mut book, 2, &[counts(80, 1, 12, 5)]);
    let totals = take(&mut book, 3, &[]).totals;
    assert_eq!((totals.connects, totals.exhausted), (7, 5));
    // The same figures in another slot are other connects.
    let totals = take(&mut book, 4, &[counts(80, 4, 12, 5)]).totals;
    assert_eq!((totals.connects, totals.exhausted), (14, 10));
    let totals = take(&mut book, 5, &[counts(80, 5, 13, 5)]).totals;
    assert_eq!((totals.connects, totals.exhausted), (22, 15));
}

#[test]
fn an_attempt_under_way_makes_no_total_fall() {
    let mut book = Book::default();
    let before = take(&mut book, 1, &[counts(80, 1, 11, 0)]).totals;
    let after = take(&mut book, 2, &[counts(80, 1, 11, 1)]).totals;
    assert_eq!((before.connects, after.connects), (11, 11));
    let settled = take(&mut book, 3, &[counts(80, 1, 13, 1)]).totals;
    assert_eq!(settled.connects, 12);
}

#[test]
fn a_filter_that_changes_takes_in_nothing_from_before() {
    let mut book = Book::default();
    let only = |port| Filter {
        ports: vec![port],
        ..Filter::default()
    };
    let samples = [counts(80, 1, 5, 1), counts(443, 1, 50, 20)];
    let standing = book.interval(1, &samples, &only(80));
    assert_eq!(standing.totals.exhausted, 1);
    assert_eq!((standing.tuples, ports(&standing)), (1, vec![80]));
    let standing = book.interval(2, &samples, &only(443));
    assert_eq!(standing.totals.exhausted, 1);
    // One that failed stays for an hour.
    assert_eq!(ports(&standing), [443, 80]);
}

#[test]
fn shown_are_the_fullest_and_the_latest_to_fail() {
    let mut book = Book::default();
    let samples: Vec<_> = (1..=100)
        .map(|port| sample(port, port.into(), 500))
        .collect();
    assert_eq!(ports(&take(&mut book, 1, &samples)), [100, 99]);
    let failing: Vec<_> = (1..=5_i64)
        .map(|n| {
            let mut failing = samples.clone();
            failing[n as usize].exhausted = 1;
            failing
        })
        .collect();
    let mut last = None;
    for (second, samples) in (2..).zip(&failing) {
        last = Some(take(&mut book, second, samples));
    }
    let last = last.unwrap();
    assert_eq!(ports(&last), [100, 99, 6, 5]);
    assert_eq!(last.totals.exhausted, 5);
    assert_eq!(last.rows[2].exhausted, 1);
    assert_eq!((last.utilisation_max, last.tuples), (0.2, 100));
    assert_eq!(ports(&take(&mut book, 3600, &samples)), [100, 99, 6, 5]);
    assert_eq!(ports(&take(&mut book, 3700, &samples)), [100, 99]);
}

#[test]
fn one_that_is_gone_is_shown_empty() {
    let mut book = Book::default();
    take(&mut book, 1, &[counts(80, 1, 10, 4)]);
    let row = take(&mut book, 2, &[]).rows.remove(0);
    assert_eq!(
        (row.usage.used, row.usage.capacity, row.exhausted),
        (0, 500, 4)
    );
}

#[test]
fn devices_make_one_row() {
    let mut book = Book::default();
    let mut bound = counts(80, 1, 9, 2);
    bound.tuple.bound_dev = 3;
    bound.usage.used = 9;
    let standing = take(&mut book, 1, &[counts(80, 1, 3, 1), bound]);
    assert_eq!(standing.rows.len(), 1);
    let row = &standing.rows[0];
    assert_eq!((row.usage.used, row.exhausted), (9, 3));
}

#[test]
fn a_name_that_two_namespaces_have_tells_none_of_them() {
    let mut book = Book::default();
    let mut other = sample(443, 2, 500);
    assert_eq!(
        take(&mut book, 1, &[sample(80, 1, 500)]).rows[0].netns,
        "web1"
    );
    other.tuple.netns.inum = 7;
    other.tuple.netns.cookie = 8;
    let rows = take(&mut book, 2, &[sample(80, 1, 500), other]).rows;
    let labels: Vec<_> = rows.iter().map(|row| row.netns.as_str()).collect();
    assert_eq!(labels, ["7", "4026532000"]);
}

#[test]
fn namespaces_that_ended_are_told_apart() {
    let unknown = |cookie| {
        let mut sample = sample(80, 1, 500);
        sample.tuple.netns = NetnsId {
            name: None,
            inum: 0,
            cookie,
        };
        sample
    };
    // An inode number that was given away again.
    let mut earlier = sample(80, 1, 500);
    earlier.tuple.netns.name = None;
    let mut later = earlier.clone();
    later.tuple.netns.cookie = 99;
    for samples in [[unknown(7), unknown(99)], [earlier, later]] {
        let rows = take(&mut Book::default(), 1, &samples).rows;
        let labels: HashSet<_> = rows.iter().map(|row| row.netns.as_str()).collect();
        assert_eq!(labels.len(), 2, "{labels:?}");
        assert!(labels.contains("cookie 99"), "{labels:?}");
    }
}

#[test]
fn a_namespace_made_anew_takes_the_place_of_the_one_before() {
    let mut book = Book::default();
    let before = counts(80, 1, 10, 4);
    take(&mut book, 1, std::slice::from_ref(&before));
    take(&mut book, 2, &[]);
    let mut anew = counts(80, 3, 5, 2);
    // Cookies are handed out to each processor in batches: a later one may be smaller.
    anew.tuple.netns.cookie = before.tuple.netns.cookie - 1;
    let standing = take(&mut book, 3, std::slice::from_ref(&anew));
    let exhausted: Vec<_> = standing.rows.iter().map(|row| row.exhausted).collect();
    assert_eq!(exhausted, [2]);
    assert_eq!(standing.totals.exhausted, 6);
    // Also when it is gone as well.
    let rows = take(&mut book, 4, &[]).rows;
    assert_eq!((rows.len(), rows[0].exhausted), (1, 2));
}

#[test]
fn events_and_binds_are_counted() {
    let mut ledger = Ledger::new();
    let mut missing = failure();
    missing.cause = Cause::NoSourceAddress;
    missing.suppressed = 4;
    let filter = Filter::default();
    ledger.event(&event(EventKind::Failure(missing)), &filter);
    ledger.event(&event(EventKind::Failure(failure())), &filter);
    let slow = alert(AlertKind::SlowSearch(Duration::from_micros(300)));
    ledger.event(&event(EventKind::Alert(slow)), &filter);
    let binds = BindSample {
        netns: netns(),
        tcp_bind: 1,
        udp_bind: 2,
        udp_autobind: 3,
    };
    let totals = ledger
        .interval(at(1), &[], &[], &[binds], &filter, 2)
        .totals;
    assert_eq!((totals.no_source_address, totals.slow_searches), (5, 1));
    assert_eq!(
        (totals.tcp_bind, totals.udp_bind, totals.udp_autobind),
        (1, 2, 3)
    );
    assert_eq!(totals.exhausted, 0);
}
