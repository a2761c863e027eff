use std::borrow::Cow;

use super::{Header, Writer, format::Content, frame, writer::beginning};
use crate::model::{Event, Interval, Item, Reply};

/// A recording that many read while it is written, all of them the same bytes. For each it begins
/// with [`Live::beginning`] and a [`Live::picture`] of the last interval, whenever it comes.
#[derive(Debug)]
pub struct Live {
    writer: Writer<Vec<u8>>,
    /// The last interval, without its tuples: the writer has those.
    last: Interval,
}

impl Live {
    /// Of a session that is at this interval.
    #[must_use]
    pub fn new(last: Interval) -> Self {
        let mut live = Self {
            writer: Writer::unopened(),
            last: last.clone(),
        };
        // Everybody has it from a picture.
        live.write(Item::Interval(last));
        live
    }

    /// The bytes of an item, for all who have a picture; none for one that is too large. After an
    /// interval of which there are none, whoever reads needs another picture.
    pub fn write(&mut self, item: Item) -> Option<Vec<u8>> {
        let written = self.writer.write(&item);
        let bytes = self.writer.taken();
        if let Item::Interval(mut interval) = item {
            interval.samples = Vec::new();
            self.last = interval;
        }
        written.ok()?.then_some(bytes)
    }

    /// What everybody gets first; none where the header is too large.
    #[must_use]
    pub fn beginning(header: &Header) -> Option<Vec<u8>> {
        beginning(header)
    }

    /// The bytes for somebody who comes now; `started` stands before the last interval. None where
    /// that is too large.
    #[must_use]
    pub fn picture(&self, started: Event) -> Option<Vec<u8>> {
        self.writer.joined(started, &self.last).ok()
    }

    /// The bytes of an answer; none for one that is too long.
    #[must_use]
    pub fn reply(reply: &Reply) -> Option<Vec<u8>> {
        frame::pack(&Content::Reply(Cow::Borrowed(reply)))
    }

    /// The bytes of a sentence for readers; none for one that is too long.
    #[must_use]
    pub fn note(text: &str) -> Option<Vec<u8>> {
        frame::pack(&Content::Note(Cow::Borrowed(text)))
    }

    /// The bytes that end it.
    #[must_use]
    pub fn end() -> Option<Vec<u8>> {
        frame::pack(&Content::End)
    }

    /// All that somebody gets who is turned away, behind the beginning.
    #[must_use]
    pub fn refusal(text: &str) -> Option<Vec<u8>> {
        let mut bytes = Self::note(text)?;
        bytes.extend(Self::end()?);
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Header, Interval, Item, Live, Reply};
    use crate::{
        model::{
            Event, EventKind, Started, TracerState,
            testing::{event, sample},
        },
        recording::{
            End, Reader, Said,
            fixture::{header, session, sorted},
        },
    };

    fn started() -> Event {
        event(EventKind::Started(Started {
            hooks: "fentry".to_owned(),
            kernel: "6.18".to_owned(),
            blind_spots: Vec::new(),
            namespaces: Vec::new(),
            sockets: 0,
            tuples: Vec::new(),
        }))
    }

    fn interval(second: i64, ports: &[u16]) -> Interval {
        Interval {
            time: jiff::Timestamp::from_second(second).unwrap(),
            samples: ports.iter().map(|port| sample(*port, 1, 500)).collect(),
            binds: Vec::new(),
            tracer: TracerState::default(),
        }
    }

    /// What somebody reads who comes after some of the items.
    fn read(items: &[Item], after: usize) -> Vec<Item> {
        let mut live = Live::new(interval(0, &[]));
        let (before, later) = items.split_at(after);
        for item in before {
            live.write(item.clone());
        }
        let mut bytes = Live::beginning(&header()).unwrap();
        bytes.extend(live.picture(started()).unwrap());
        for item in later {
            bytes.extend(live.write(item.clone()).unwrap());
        }
        bytes.extend(Live::end().unwrap());
        let (_, mut reader) = Reader::new(bytes.as_slice()).unwrap();
        let read = sorted(reader.by_ref());
        assert_eq!(reader.end(), Some(&End::Complete));
        read
    }

    fn is_interval(item: &&Item) -> bool {
        matches!(item, Item::Interval(_))
    }

    proptest! {
        #[test]
        fn whenever_somebody_joins_it_is_the_same(items in session(), after in any::<prop::sample::Index>()) {
            let items = sorted(items);
            let after = after.index(items.len() + 1);
            let empty = Item::Interval(interval(0, &[]));
            let last = items[..after].iter().rev().find(is_interval).unwrap_or(&empty);
            let mut expected = vec![Item::Event(started()), last.clone()];
            expected.extend_from_slice(&items[after..]);
            prop_assert_eq!(read(&items, after), expected);
        }
    }

    #[test]
    fn places_that_are_free_are_free_for_those_who_join() {
        let numbers = [&[1, 2, 3][..], &[3], &[4, 3], &[], &[5]];
        let items = numbers.iter().zip(1..);
        let items = items.map(|(ports, second)| Item::Interval(interval(second, ports)));
        let items = sorted(items);
        for after in 1..=items.len() {
            assert_eq!(read(&items, after)[1..], items[after - 1..], "{after}");
        }
        let mut live = Live::new(interval(0, &[7]));
        assert_eq!(live.write(items[0].clone()).map(|_| ()), Some(()));
        let mut bytes = Live::beginning(&header()).unwrap();
        bytes.extend(live.picture(started()).unwrap());
        let (_, mut reader) = Reader::new(bytes.as_slice()).unwrap();
        assert_eq!(sorted(reader.by_ref())[1..], items[..1]);
    }

    #[test]
    fn a_refusal_says_why_and_ends() {
        let header: Header = header();
        let mut bytes = Live::beginning(&header).unwrap();
        bytes.extend(Live::refusal("too many").unwrap());
        let (found, mut reader) = Reader::new(bytes.as_slice()).unwrap();
        assert_eq!(found, header);
        assert!(matches!(reader.hear(), Some(Said::Note(note)) if note == "too many"));
        assert!(reader.hear().is_none());
        assert_eq!(reader.end(), Some(&End::Complete));
    }

    #[test]
    fn an_answer_stands_between_items_and_is_none() {
        let mut live = Live::new(interval(0, &[7]));
        let refused = Reply::Refused {
            usage: true,
            reason: "no such namespace".to_owned(),
        };
        let mut bytes = Live::beginning(&header()).unwrap();
        bytes.extend(live.picture(started()).unwrap());
        bytes.extend(Live::reply(&refused).unwrap());
        bytes.extend(live.write(Item::Interval(interval(1, &[7, 8]))).unwrap());
        bytes.extend(Live::end().unwrap());
        let (_, mut reader) = Reader::new(bytes.as_slice()).unwrap();
        let said: Vec<Said> = std::iter::from_fn(|| reader.hear()).collect();
        assert!(matches!(&said[2], Said::Reply(reply) if *reply == refused));
        let (_, reader) = Reader::new(bytes.as_slice()).unwrap();
        assert_eq!(reader.count(), 3);
    }
}
