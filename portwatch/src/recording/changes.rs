//! Of an interval's tuples those that are different from the interval before.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::model::{Forecast, NetnsId, States, Tuple, TupleSample, Usage};

/// Entries of one [`Changes`] at most, lest a frame become too large.
const PART: usize = 32_768;

/// Tuples by their place in a table that writer and reader keep alike. A place is used again after
/// its tuple went.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// Places of those that went.
    gone: Vec<u32>,
    /// Those that came.
    new: Vec<(u32, TupleSample)>,
    /// Those that are different.
    changed: Vec<(u32, Change)>,
}

/// What is different about a tuple.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Change {
    usage: Option<Usage>,
    forecast: Option<Forecast>,
    /// Totals by how much they grew, which takes fewer bytes. They wrap, so that one that became
    /// smaller comes out right.
    opened: u64,
    exhausted: u64,
    conflict: u64,
    rest: Option<Rest>,
}

/// What hardly ever changes.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Rest {
    first_seen: Option<Duration>,
    slowest_search: Option<Duration>,
    untracked: u32,
    states: Option<States>,
}

/// The tuples of the last interval.
#[derive(Debug, Default)]
pub struct Table {
    places: Vec<Option<TupleSample>>,
}

/// A table, and where to find a tuple in it.
#[derive(Debug, Default)]
pub struct Index {
    table: Table,
    /// Several places where a source tells a tuple apart that looks the same here.
    by_tuple: HashMap<Tuple, Vec<u32>>,
    /// By place: the interval that had it last.
    seen: Vec<u64>,
    free: Vec<u32>,
    intervals: u64,
}

impl Index {
    /// Takes an interval's tuples in. Returns what changed, in parts; one at least.
    pub fn changes(&mut self, samples: &[TupleSample]) -> Vec<Changes> {
        self.intervals += 1;
        let mut parts = Parts(vec![Changes::default()]);
        let mut came = Vec::new();
        for sample in samples {
            let Some(place) = self.place(&sample.tuple) else {
                came.push(sample);
                continue;
            };
            if let Some(change) = self.table.change(place, sample) {
                parts.last().changed.push((place, change));
            }
        }
        for place in self.went() {
            parts.last().gone.push(place);
        }
        for sample in came {
            let place = self.insert(sample);
            parts.last().new.push((place, sample.clone()));
        }
        parts.0
    }

    /// The tuples of the last interval for somebody who has seen none, in parts; one at least. Places
    /// that are free now are filled first and given back then: a table has no gaps.
    pub fn whole(&self) -> Vec<Changes> {
        let mut parts = Parts(vec![Changes::default()]);
        let mut gaps = Vec::new();
        for (slot, place) in self.table.places.iter().zip(0..) {
            let sample = slot.clone().unwrap_or_else(|| {
                gaps.push(place);
                nothing()
            });
            parts.last().new.push((place, sample));
        }
        if !gaps.is_empty() {
            parts.0.push(Changes::default());
        }
        for place in gaps {
            parts.last().gone.push(place);
        }
        parts.0
    }

    /// Where a tuple is that this interval has not had yet.
    fn place(&mut self, tuple: &Tuple) -> Option<u32> {
        let (seen, now) = (&mut self.seen, self.intervals);
        let places = self.by_tuple.get(tuple)?;
        places.iter().copied().find(|place| {
            let seen = seen.get_mut(*place as usize);
            seen.is_some_and(|seen| std::mem::replace(seen, now) != now)
        })
    }

    /// Gives back the places that this interval did not have.
    fn went(&mut self) -> Vec<u32> {
        let mut gone = Vec::new();
        let slots = self.table.places.iter_mut().zip(&self.seen);
        for ((slot, seen), place) in slots.zip(0..) {
            if *seen != self.intervals
                && let Some(sample) = slot.take()
            {
                if let Some(places) = self.by_tuple.get_mut(&sample.tuple) {
                    places.retain(|of| *of != place);
                    if places.is_empty() {
                        self.by_tuple.remove(&sample.tuple);
                    }
                }
                gone.push(place);
            }
        }
        self.free.extend(&gone);
        gone
    }

    fn insert(&mut self, sample: &TupleSample) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.table.places.push(None);
            self.seen.push(0);
            // Not so many fit into memory.
            u32::try_from(self.seen.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(slot) = self.table.places.get_mut(place as usize) {
            *slot = Some(sample.clone());
        }
        if let Some(seen) = self.seen.get_mut(place as usize) {
            *seen = self.intervals;
        }
        let places = self.by_tuple.entry(sample.tuple.clone()).or_default();
        places.push(place);
        place
    }
}

/// What stands where no tuple is.
fn nothing() -> TupleSample {
    let unspecified = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    TupleSample {
        tuple: Tuple {
            netns: NetnsId {
                name: None,
                inum: 0,
                cookie: 0,
            },
            bound_dev: 0,
            local_ip: None,
            peer_ip: unspecified,
            peer_port: 0,
        },
        usage: Usage {
            used: 0,
            time_wait: 0,
            reclaimable: None,
            capacity: 0,
            room: None,
        },
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

/// Changes, of which the last has room for one entry more.
struct Parts(Vec<Changes>);

impl Parts {
    fn last(&mut self) -> &mut Changes {
        let full = |part: &Changes| part.gone.len() + part.new.len() + part.changed.len() >= PART;
        if self.0.last().is_none_or(full) {
            self.0.push(Changes::default());
        }
        let last = self.0.len() - 1;
        &mut self.0[last]
    }
}

impl Table {
    /// Every tuple.
    pub fn samples(&self) -> Vec<TupleSample> {
        self.places.iter().flatten().cloned().collect()
    }

    /// Makes the next interval of the last one; none for changes of something else.
    pub fn apply(&mut self, changes: Changes) -> Option<()> {
        for (place, change) in changes.changed {
            change.apply(self.places.get_mut(place as usize)?.as_mut()?);
        }
        for place in changes.gone {
            self.places.get_mut(place as usize)?.take()?;
        }
        for (place, sample) in changes.new {
            let place = place as usize;
            // A table without gaps, lest a number alone take memory.
            if place == self.places.len() {
                self.places.push(None);
            }
            let slot = self.places.get_mut(place)?;
            if slot.replace(sample).is_some() {
                return None;
            }
        }
        Some(())
    }

    /// Takes a tuple's sample in, and tells what is different from the one before.
    fn change(&mut self, place: u32, now: &TupleSample) -> Option<Change> {
        let sample = self.places.get_mut(place as usize)?.as_mut()?;
        let change = Change::between(sample, now);
        if change.is_some() {
            sample.clone_from(now);
        }
        change
    }
}

impl Change {
    fn between(before: &TupleSample, now: &TupleSample) -> Option<Self> {
        if before == now {
            return None;
        }
        let rest = Rest::of(now);
        Some(Self {
            usage: (now.usage != before.usage).then_some(now.usage),
            forecast: (now.forecast != before.forecast).then_some(now.forecast),
            opened: now.opened.wrapping_sub(before.opened),
            exhausted: now.exhausted.wrapping_sub(before.exhausted),
            conflict: now.conflict.wrapping_sub(before.conflict),
            rest: (rest != Rest::of(before)).then_some(rest),
        })
    }

    fn apply(self, sample: &mut TupleSample) {
        sample.usage = self.usage.unwrap_or(sample.usage);
        sample.forecast = self.forecast.unwrap_or(sample.forecast);
        sample.opened = sample.opened.wrapping_add(self.opened);
        sample.exhausted = sample.exhausted.wrapping_add(self.exhausted);
        sample.conflict = sample.conflict.wrapping_add(self.conflict);
        if let Some(rest) = self.rest {
            sample.first_seen = rest.first_seen;
            sample.slowest_search = rest.slowest_search;
            sample.untracked = rest.untracked;
            sample.states = rest.states;
        }
    }
}

impl Rest {
    fn of(sample: &TupleSample) -> Self {
        Self {
            first_seen: sample.first_seen,
            slowest_search: sample.slowest_search,
            untracked: sample.untracked,
            states: sample.states,
        }
    }
}
