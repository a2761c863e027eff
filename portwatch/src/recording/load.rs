use std::io::Read;

use super::{End, Header, OpenError, Reader};
use crate::model::Item;

/// Samples of tuples held in memory, at most: half a gigabyte.
const HELD: usize = 2_000_000;

/// A recording, held in memory.
#[derive(Debug)]
pub struct Recording {
    /// Where it is from.
    pub header: Header,
    /// What happened, in order. Of intervals maybe not all, see [`Recording::every`].
    pub items: Vec<Item>,
    /// How it ends.
    pub end: End,
    /// Of so many intervals one is held, from the first on, and the last one: a long recording of
    /// many tuples would not fit into memory. 1 where all are.
    pub every: u64,
}

/// Reads a whole recording.
///
/// # Errors
/// [`OpenError`].
pub fn load(input: impl Read) -> Result<Recording, OpenError> {
    let (header, mut reader) = Reader::new(input)?;
    let mut kept = Kept::new(HELD);
    for item in reader.by_ref() {
        kept.push(item);
    }
    // A reader that has no more items has an end.
    let end = reader.end().cloned().unwrap_or(End::Complete);
    Ok(Recording {
        header,
        items: kept.items,
        end,
        every: kept.every,
    })
}

/// Items, with ever fewer of the intervals the more there are.
struct Kept {
    items: Vec<Item>,
    /// Samples in `items`, and how many are allowed.
    samples: usize,
    limit: usize,
    every: u64,
    /// Intervals so far, and where the latest is.
    intervals: u64,
    latest: Option<usize>,
}

impl Kept {
    fn new(limit: usize) -> Self {
        Self {
            items: Vec::new(),
            samples: 0,
            limit,
            every: 1,
            intervals: 0,
            latest: None,
        }
    }

    fn push(&mut self, item: Item) {
        if matches!(item, Item::Interval(_)) {
            if let Some(latest) = self.latest
                && !(self.intervals - 1).is_multiple_of(self.every)
            {
                self.samples -= samples(&self.items.remove(latest));
            }
            self.latest = Some(self.items.len());
            self.intervals += 1;
            self.samples += samples(&item);
        }
        self.items.push(item);
        while self.samples > self.limit && self.every < self.intervals {
            self.thin();
        }
    }

    /// Drops every other interval, but not the latest.
    fn thin(&mut self) {
        self.every *= 2;
        let (mut place, mut nth, latest) = (0, 0_u64, self.latest);
        self.items.retain(|item| {
            let here = place;
            place += 1;
            if !matches!(item, Item::Interval(_)) {
                return true;
            }
            nth += 1;
            let keep = !nth.is_multiple_of(2) || Some(here) == latest;
            if !keep {
                self.samples -= samples(item);
            }
            keep
        });
        let is_interval = |item: &Item| matches!(item, Item::Interval(_));
        self.latest = self.items.iter().rposition(is_interval);
    }
}

fn samples(item: &Item) -> usize {
    match item {
        Item::Interval(interval) => interval.samples.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::Kept;
    use crate::model::{
        EventKind, Interval, Item, TracerState,
        testing::{event, sample},
    };

    /// Sweeps number the intervals.
    fn kept(limit: usize, intervals: u64) -> (Vec<Option<u64>>, u64) {
        let mut kept = Kept::new(limit);
        for sweeps in 0..intervals {
            kept.push(Item::Interval(Interval {
                time: Timestamp::UNIX_EPOCH,
                samples: vec![sample(80, 1, 500); 10],
                binds: Vec::new(),
                tracer: TracerState {
                    sweeps,
                    ..TracerState::default()
                },
            }));
            if sweeps == 3 {
                kept.push(Item::Event(event(EventKind::Lost { events: 1 })));
            }
        }
        let numbers = kept.items.iter().map(|item| match item {
            Item::Interval(interval) => Some(interval.tracer.sweeps),
            _ => None,
        });
        (numbers.collect(), kept.every)
    }

    #[test]
    fn everything_is_held_while_it_fits() {
        let all = [Some(0), Some(1), Some(2), Some(3), None, Some(4)];
        assert_eq!(kept(50, 5), (all.into(), 1));
    }

    #[test]
    fn fewer_intervals_are_held_where_there_are_many() {
        let (numbers, every) = kept(50, 6);
        assert_eq!(numbers, [Some(0), Some(2), None, Some(4), Some(5)]);
        assert_eq!(every, 2);
        let (numbers, every) = kept(50, 1000);
        assert_eq!(
            numbers,
            [Some(0), None, Some(256), Some(512), Some(768), Some(999)]
        );
        assert_eq!(every, 256);
    }

    #[test]
    fn one_interval_is_held_in_any_case() {
        assert_eq!(kept(5, 1), (vec![Some(0)], 1));
        assert_eq!(kept(5, 3).0, [Some(0), Some(2)]);
    }
}
