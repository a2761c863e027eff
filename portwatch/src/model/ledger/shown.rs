use std::{
    cmp::{Ordering, Reverse},
    collections::HashSet,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use super::{fullest::Fullest, labels::Labels};
use crate::model::{Forecast, Tuple, TupleSample, Usage, chronicle::Key};

/// How long after its last failure a tuple is shown, however empty it is.
const MEMORY: SignedDuration = SignedDuration::from_hours(1);

/// The tuples that are shown, so few that a monitoring system can keep them all.
#[derive(Debug, Default)]
pub(super) struct Shown(foldhash::HashMap<Key, Entry>);

/// Those of one tuple, whatever device their sockets are bound to.
#[derive(Debug)]
struct Entry {
    tuple: Tuple,
    usage: Usage,
    forecast: Forecast,
    /// Connects that found no port since it is shown.
    exhausted: u64,
    failed_last: Option<Timestamp>,
    /// When its slot was taken.
    first_seen: Option<Duration>,
}

/// A tuple that is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What a reader finds its namespace by: name or inode number.
    pub netns: String,
    /// Which tuple; its device is that of the fullest one.
    pub tuple: Tuple,
    /// How full.
    pub usage: Usage,
    /// Where to.
    pub forecast: Forecast,
    /// Connects that found no port since it is shown.
    pub exhausted: u64,
    /// The last of them, wall clock.
    pub failed_last: Option<Timestamp>,
}

impl Shown {
    /// Connects of the tuple found no port. Shows it from now on.
    pub fn failed(&mut self, now: Timestamp, sample: &TupleSample, count: u64) {
        let entry = self.entry(sample);
        entry.exhausted = entry.exhausted.saturating_add(count);
        entry.failed_last = Some(now);
        entry.first_seen = sample.first_seen;
    }

    /// Shows the `top` fullest tuples of these and as many that failed of late, the latest first.
    pub fn choose<'a>(
        &mut self,
        now: Timestamp,
        samples: impl Iterator<Item = &'a TupleSample>,
        top: usize,
    ) {
        // Only those that failed of late can stay without being among the fullest.
        self.0.retain(|_, entry| entry.failed_last.is_some());
        for entry in self.0.values_mut() {
            entry.empty();
        }
        // Devices apart, a tuple is there once: twice as many are nearly always enough.
        let mut held = Fullest::new(top.saturating_mul(2));
        for sample in samples {
            let beyond = if sample.usage.used > 0 {
                held.offer(sample)
            } else {
                Some(sample)
            };
            if let Some(sample) = beyond.filter(|_| !self.0.is_empty()) {
                self.refresh(sample);
            }
        }
        let held = held.in_order();
        let mut kept = HashSet::new();
        for sample in &held {
            if kept.len() >= top {
                break;
            }
            if kept.insert(key(&sample.tuple)) {
                self.entry(sample);
            }
        }
        held.iter().for_each(|sample| self.refresh(sample));
        kept.extend(self.lately(now, top));
        self.0.retain(|key, _| kept.contains(key));
    }

    /// Brings what is shown already up to date: of several devices, the fullest one counts.
    fn refresh(&mut self, sample: &TupleSample) {
        let Some(entry) = self.0.get_mut(&key(&sample.tuple)) else {
            return;
        };
        if sample.usage.used == 0 {
            entry.usage.capacity = sample.usage.capacity;
        } else if entry.usage.used == 0 || sample.usage.utilisation() > entry.usage.utilisation() {
            entry.tuple.clone_from(&sample.tuple);
            entry.usage = sample.usage;
            entry.forecast = sample.forecast;
            entry.first_seen = sample.first_seen;
        }
    }

    /// The latest to fail, `top` at most.
    fn lately(&self, now: Timestamp, top: usize) -> Vec<Key> {
        let mut failed: Vec<(Timestamp, Key)> = self
            .0
            .iter()
            .filter_map(|(key, entry)| Some((entry.failed_last?, *key)))
            .filter(|(last, _)| now.duration_since(*last) < MEMORY)
            .collect();
        failed.sort_unstable_by_key(|(last, _)| Reverse(*last));
        failed.truncate(top);
        failed.into_iter().map(|(_, key)| key).collect()
    }

    /// What is shown, the fullest first. A namespace that is gone leaves its name and its inode number to
    /// the next one: of tuples that a reader can't tell apart the latest is shown, and no series is
    /// there twice.
    pub fn rows<'a>(&'a self, labels: &Labels<'_>) -> Vec<Row> {
        let label = |entry: &'a Entry| (labels.of(&entry.tuple.netns), entry);
        let mut labelled: Vec<(String, &Entry)> = self.0.values().map(label).collect();
        labelled.sort_unstable_by_key(|(_, entry)| Reverse(entry.first_seen));
        let mut told = HashSet::new();
        labelled.retain(|(netns, Entry { tuple, .. })| {
            told.insert((
                netns.clone(),
                tuple.local_ip,
                tuple.peer_ip,
                tuple.peer_port,
            ))
        });
        let row = |(netns, entry): (String, &Entry)| Row {
            netns,
            tuple: entry.tuple.clone(),
            usage: entry.usage,
            forecast: entry.forecast,
            exhausted: entry.exhausted,
            failed_last: entry.failed_last,
        };
        let mut rows: Vec<Row> = labelled.into_iter().map(row).collect();
        rows.sort_unstable_by(|a, b| order((&a.usage, &a.tuple), (&b.usage, &b.tuple)));
        rows
    }

    fn entry(&mut self, sample: &TupleSample) -> &mut Entry {
        self.0.entry(key(&sample.tuple)).or_insert_with(|| Entry {
            tuple: sample.tuple.clone(),
            usage: sample.usage,
            forecast: sample.forecast,
            exhausted: 0,
            failed_last: None,
            first_seen: sample.first_seen,
        })
    }
}

impl Entry {
    /// As if it had no connection any more.
    fn empty(&mut self) {
        self.forecast = Forecast::default();
        self.usage = Usage {
            used: 0,
            time_wait: 0,
            reclaimable: None,
            room: None,
            ..self.usage
        };
    }
}

fn key(tuple: &Tuple) -> Key {
    Key::of(tuple).on_any_device()
}

/// The fullest first, then those with more ports in use.
pub(super) fn order(a: (&Usage, &Tuple), b: (&Usage, &Tuple)) -> Ordering {
    let by_utilisation = b.0.utilisation().total_cmp(&a.0.utilisation());
    by_utilisation
        .then_with(|| b.0.used.cmp(&a.0.used))
        .then_with(|| a.1.cmp(b.1))
}
