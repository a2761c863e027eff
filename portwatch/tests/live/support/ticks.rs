//! The tracer's counts at one moment, as `watch --counts` prints them every interval.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use super::{
    event::Event,
    kernel_list::{self, Count, Counts, Tuple},
    netns::Netns,
    watcher::Watcher,
};

/// The lines of one interval.
pub struct Tick {
    /// A line a tuple.
    pub samples: Vec<Event>,
    /// The last line of each tuple that gave its slot back before: its totals begin anew then.
    earlier: Vec<Event>,
    /// The closing line.
    pub tick: Event,
}

impl Tick {
    /// What the tracer counts in a namespace; tuples that hold no port are left out.
    pub fn counts(&self, netns: &Netns) -> Counts {
        let mut counts = Counts::new();
        for sample in self.of(netns) {
            let count = Count {
                used: sample.small("used"),
                time_wait: sample.small("time_wait"),
            };
            if count != Count::default() {
                let twice = counts.insert(sample.tuple(), count);
                assert_eq!(twice, None, "two samples of {:?}", sample.tuple());
            }
        }
        counts
    }

    /// A running total of every tuple of a namespace where it is not 0, since the watcher's start.
    pub fn totals(&self, netns: &Netns, key: &str) -> BTreeMap<Tuple, u64> {
        let mut totals = BTreeMap::new();
        for sample in of(&self.earlier, netns).chain(self.of(netns)) {
            *totals.entry(sample.tuple()).or_default() += sample.number(key);
        }
        totals.retain(|_, total| *total > 0);
        totals
    }

    /// The sum of a running total over a peer's tuples.
    pub fn total(&self, netns: &Netns, key: &str, peer: SocketAddr) -> u64 {
        let totals = self.totals(netns, key).into_iter();
        totals
            .filter(|((_, to), _)| *to == peer)
            .map(|(_, total)| total)
            .sum()
    }

    pub fn of(&self, netns: &Netns) -> impl Iterator<Item = &Event> {
        of(&self.samples, netns)
    }
}

fn of<'a>(samples: &'a [Event], netns: &Netns) -> impl Iterator<Item = &'a Event> {
    let inum = u64::from(netns.inum());
    samples.iter().filter(move |s| s.number("netns") == inum)
}

/// Of so many failures, those that no hook may have told of: a fiftieth, where the kernel skipped
/// runs of the program that is the last to see a failure where no functions are traced.
pub fn unheard(tick: &Event, failures: u64) -> u64 {
    let skipped = tick.0["recursion_misses"]["sys_exit"].as_u64();
    skipped.unwrap_or(0).min(failures / 50)
}

/// The intervals so far, as their lines come in.
#[derive(Default)]
pub struct Ticks {
    count: usize,
    /// The last line of each tuple's time in a slot.
    lives: BTreeMap<(u64, Tuple, u64), Event>,
    coming: Vec<Event>,
    last: Option<(Vec<Event>, Event)>,
}

impl Ticks {
    /// Takes an event in.
    pub fn add(&mut self, event: &Event) {
        if event.is("sample") {
            self.lives.insert(life(event), event.clone());
            self.coming.push(event.clone());
        } else if event.is("tick") {
            self.count += 1;
            self.last = Some((std::mem::take(&mut self.coming), event.clone()));
        }
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The latest.
    pub fn last(&self) -> Option<Tick> {
        let (samples, tick) = self.last.clone()?;
        let now: BTreeSet<_> = samples.iter().map(life).collect();
        let earlier = self.lives.iter().filter(|(life, _)| !now.contains(life));
        Some(Tick {
            earlier: earlier.map(|(_, sample)| sample.clone()).collect(),
            samples,
            tick,
        })
    }
}

/// A tuple's time in a slot.
fn life(sample: &Event) -> (u64, Tuple, u64) {
    (
        sample.number("netns"),
        sample.tuple(),
        sample.number("first_seen"),
    )
}

/// Waits for an interval that began after this call.
pub fn fresh(watcher: &Watcher) -> Tick {
    watcher.tick()
}

/// Waits until the tracer's counts of all `places` (a namespace and its range) are the kernel's.
pub fn wait_until_equal(
    watcher: &Watcher,
    places: &[(&Netns, RangeInclusive<u16>)],
    bound: Duration,
) -> Tick {
    let deadline = Instant::now() + bound;
    loop {
        let tick = fresh(watcher);
        let differing: Vec<String> = places.iter().flat_map(|p| differences(&tick, p)).collect();
        if differing.is_empty() {
            return tick;
        }
        let end = &tick.tick.0;
        assert!(
            Instant::now() < deadline,
            "after {bound:?}: {differing:#?}, {end}"
        );
    }
}

fn differences(tick: &Tick, (netns, range): &(&Netns, RangeInclusive<u16>)) -> Vec<String> {
    let (ours, kernels) = (tick.counts(netns), kernel_list::counts(netns, range));
    let tuples: BTreeSet<&Tuple> = ours.keys().chain(kernels.keys()).collect();
    let differing = tuples
        .into_iter()
        .filter(|tuple| ours.get(tuple) != kernels.get(tuple));
    let text = |tuple| {
        let (ours, kernels) = (ours.get(tuple), kernels.get(tuple));
        format!(
            "{}: {tuple:?}: tracer {ours:?}, kernel {kernels:?}",
            netns.selector()
        )
    };
    differing.map(text).collect()
}
