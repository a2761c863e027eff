//! What was written is read, and what was not is told from it.

use proptest::prelude::*;

use super::{
    End, OpenError, Reader, SCHEMA, Writer,
    fixture::{header, recorded, session, sorted},
    format::MAGIC,
};
use crate::model::{
    AlertKind, EventKind, Forecast, Interval, Item, TracerState, TupleSample,
    testing::{alert, event, failure, sample},
};

/// The items and the end; none for a header that can't be read.
fn read(bytes: &[u8]) -> Option<(Vec<Item>, End)> {
    let (found, mut reader) = Reader::new(bytes).ok()?;
    assert_eq!(found, header());
    let items = sorted(reader.by_ref());
    assert!(reader.next().is_none());
    Some((items, reader.end().unwrap().clone()))
}

fn interval(samples: Vec<TupleSample>) -> Item {
    Item::Interval(Interval {
        time: "2026-03-01T16:40:08Z".parse().unwrap(),
        samples,
        binds: Vec::new(),
        tracer: TracerState::default(),
    })
}

/// Some of everything that a recorder writes.
fn story() -> Vec<Item> {
    vec![
        interval(vec![sample(80, 1, 500), sample(443, 250, 500)]),
        Item::Event(event(EventKind::Alert(alert(AlertKind::Warning)))),
        interval(vec![sample(443, 499, 500), sample(8080, 1, 500)]),
        Item::Event(event(EventKind::Failure(failure()))),
        interval(vec![
            sample(80, 3, 500),
            sample(8080, 1, 500),
            sample(8080, 1, 500),
        ]),
    ]
}

#[test]
fn cut_anywhere_it_is_read_up_to_there() {
    let items = sorted(story());
    let bytes = recorded(&items);
    let beginning = recorded(&[]).len() - end_mark();
    let mut most = 0;
    for cut in 0..bytes.len() {
        let Some((read, end)) = read(&bytes[..cut]) else {
            assert!(cut < beginning, "{cut} of {}", bytes.len());
            continue;
        };
        assert!(cut >= beginning, "{cut} of {}", bytes.len());
        assert!(items.starts_with(&read), "{cut} of {}", bytes.len());
        let End::Cut { at } = end else {
            panic!("cut at {cut}: {end:?}");
        };
        assert!(at <= cut as u64);
        assert!(read.len() >= most, "what was whole stays so");
        most = read.len();
    }
    assert_eq!(most, items.len(), "the end mark is all that was missing");
    assert_eq!(read(&bytes), Some((items, End::Complete)));
}

/// Length of the last frame.
fn end_mark() -> usize {
    let mut writer = Writer::new(std::io::sink(), &header()).unwrap();
    let before = writer.written();
    writer.finish().unwrap();
    usize::try_from(writer.written() - before).unwrap()
}

#[test]
fn cut_in_its_header_it_is_an_error_that_says_so() {
    let bytes = recorded(&[]);
    for cut in 1..bytes.len() - end_mark() {
        let error = Reader::new(&bytes[..cut]).unwrap_err();
        assert!(matches!(error, OpenError::Cut), "{cut}: {error}");
    }
    let error = Reader::new(&[][..]).unwrap_err();
    assert!(matches!(error, OpenError::Foreign), "{error}");
}

#[test]
fn a_flipped_bit_is_damage_wherever_it_is() {
    let items = sorted(story());
    let bytes = recorded(&items);
    let beginning = recorded(&[]).len() - end_mark();
    for place in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1 << bit;
            match read(&damaged) {
                None => assert!(place < beginning, "{place}"),
                Some((read, end)) => {
                    assert!(items.starts_with(&read), "{place}");
                    assert!(matches!(end, End::Damaged { .. }), "{place}: {end:?}");
                }
            }
        }
    }
}

#[test]
fn another_schema_is_refused_by_number() {
    for (found, which) in [(SCHEMA + 1, "a later"), (0, "an earlier")] {
        let mut bytes = recorded(&story());
        bytes[MAGIC.len()..][..4].copy_from_slice(&found.to_le_bytes());
        // Another schema may have another header.
        bytes.truncate(MAGIC.len() + 4);
        assert_eq!(
            Reader::new(bytes.as_slice()).unwrap_err().to_string(),
            format!(
                "this recording has schema {found}, and this portwatch reads schema {SCHEMA}; \
                 {which} version of portwatch reads it"
            )
        );
    }
}

#[test]
fn something_else_is_refused() {
    for other in ["", "{\"time\":\"\"}", "portwatch\n", "\u{7f}ELF"] {
        let error = Reader::new(other.as_bytes()).unwrap_err();
        assert!(matches!(error, OpenError::Foreign), "{other}: {error}");
    }
}

#[test]
fn what_changed_takes_few_bytes() {
    let tuples = 10_000;
    let mut samples: Vec<TupleSample> = (0..tuples)
        .map(|n| {
            let mut sample = sample(443, n % 28_000, 28_232);
            sample.tuple.peer_ip = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).into();
            sample
        })
        .collect();
    let mut writer = Writer::new(std::io::sink(), &header()).unwrap();
    let mut written = |samples: &[TupleSample]| {
        let before = writer.written();
        writer.write(&interval(samples.to_vec())).unwrap();
        writer.written() - before
    };
    let first = written(&samples);
    let same = written(&samples);
    for (n, sample) in samples.iter_mut().step_by(100).enumerate() {
        let rate = 3.0 + n as f64 / 7.0;
        sample.usage.used += 7;
        sample.opened += 9;
        sample.forecast = Forecast {
            rate: Some(rate),
            seconds_to_exhaustion: Some(28_232.0 / rate),
        };
    }
    let changed = written(&samples);
    println!("{tuples} tuples: {first} bytes; 100 changed: {changed}; none: {same}");
    assert!(first < 40 * u64::from(tuples), "{first}");
    assert!(changed < 100 * 40, "{changed}");
    assert!(same < 64, "{same}");
}

/// A disk that becomes full.
#[test]
fn what_was_written_before_an_error_is_read() {
    let items = sorted(story());
    let length = recorded(&items).len();
    let mut most = 0;
    for room in recorded(&[]).len()..length {
        let mut disk = vec![0; room];
        let mut writer = Writer::new(disk.as_mut_slice(), &header()).unwrap();
        let written = items
            .iter()
            .try_for_each(|item| writer.write(item).map(drop));
        assert!(written.and_then(|()| writer.finish()).is_err());
        let whole = writer.written();
        let (read, end) = read(&disk).unwrap();
        assert!(items.starts_with(&read) && read.len() >= most);
        assert_eq!(end, End::Cut { at: whole });
        most = read.len();
    }
    assert_eq!(most, items.len());
}

#[test]
fn an_interval_of_very_many_tuples_is_one() {
    let many = |used| {
        let samples = (0..70_000_u32).map(|n| {
            let mut sample = sample(443, used, 500);
            sample.tuple.peer_ip = std::net::Ipv4Addr::from_bits(n).into();
            sample
        });
        interval(samples.collect())
    };
    let items = vec![many(1), many(2), interval(Vec::new())];
    let bytes = recorded(&items);
    let (_, mut reader) = Reader::new(bytes.as_slice()).unwrap();
    assert!(reader.by_ref().eq(items));
    assert_eq!(reader.end(), Some(&End::Complete));
}

proptest! {
    #[test]
    fn any_session_is_read_as_it_was(items in session()) {
        let items = sorted(items);
        prop_assert_eq!(read(&recorded(&items)), Some((items, End::Complete)));
    }

    #[test]
    fn any_bytes_behind_the_header_are_an_end(bytes: Vec<u8>, items in session()) {
        let mut recording = recorded(&items);
        recording.truncate(recording.len() - end_mark());
        let whole = recording.len() as u64;
        recording.extend(&bytes);
        let (read, end) = read(&recording).unwrap();
        prop_assert_eq!(read, sorted(items));
        let right = match end {
            End::Cut { at } | End::Damaged { at } => at == whole,
            _ => false,
        };
        prop_assert!(right);
    }
}
