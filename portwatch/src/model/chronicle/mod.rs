//! What a session told so far, by tuple: folded from its items, live or recorded.

mod counter;
mod course;
mod fold;
mod key;
mod story;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use self::fold::Limits;
use super::{
    Event, EventKind, Failures, Interval, Item, Namespace, NetnsId, Openers, Report, Started,
    TracerState, Tuple,
};

pub(in crate::model) use counter::Counter;
pub use course::{Course, Point};
pub(in crate::model) use key::{Key, Netns};
pub use story::Story;

/// Tuples that are remembered at most; the tracer has no more unless told so.
const TUPLES: usize = 65_536;
/// Points of a tuple's course, and of all of them, as long as each has the least.
const POINTS: (usize, usize, usize) = (300, 400_000, 16);
/// Events of a tuple, and of all of them, as long as each has the least.
const EVENTS: (usize, usize, usize) = (50, 40_000, 4);
/// How long a tuple that is gone is remembered after its last failure.
const MEMORY: SignedDuration = SignedDuration::from_mins(5);

/// Everything that a session told so far.
#[derive(Clone, Debug, Default)]
pub struct Chronicle {
    began: Option<Timestamp>,
    now: Option<Timestamp>,
    started: Option<Started>,
    tracer: TracerState,
    namespaces: HashMap<Netns, Namespace>,
    stories: HashMap<Key, Story>,
    binds: HashMap<Netns, Binds>,
    totals: Totals,
    degraded: Option<String>,
    /// Intervals so far.
    intervals: u64,
}

/// Failures of all tuples, those forgotten included.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    exhausted: u64,
    conflict: u64,
    no_source_address: u64,
}

/// Binds of a namespace that found no free port.
#[derive(Clone, Copy, Debug, Default)]
struct Binds {
    tcp: Counter,
    udp: Counter,
}

impl Chronicle {
    /// Nothing told yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the session tells next.
    pub fn take(&mut self, item: &Item) {
        let time = item.time();
        self.began.get_or_insert(time);
        self.now = self.now.max(Some(time));
        match item {
            Item::Event(event) => self.event(event),
            Item::Interval(interval) => self.interval(interval),
            Item::Openers(openers) => self.openers(openers),
            Item::Report(report) => self.report(report),
        }
    }

    /// Every tuple of which something is known, in no order.
    pub fn stories(&self) -> impl ExactSizeIterator<Item = &Story> {
        self.stories.values()
    }

    /// One tuple, whether or not its namespace's name is known.
    #[must_use]
    pub fn story(&self, tuple: &Tuple) -> Option<&Story> {
        self.stories.get(&Key::of(tuple))
    }

    /// How it began; none before that was told.
    #[must_use]
    pub fn started(&self) -> Option<&Started> {
        self.started.as_ref()
    }

    /// The time of the latest item, wall clock.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        self.now
    }

    /// The time of the first item, wall clock.
    #[must_use]
    pub fn began(&self) -> Option<Timestamp> {
        self.began
    }

    /// How the tracer does.
    #[must_use]
    pub fn tracer(&self) -> &TracerState {
        &self.tracer
    }

    /// The latest reason why counts may be less than exact.
    #[must_use]
    pub fn degraded(&self) -> Option<&str> {
        self.degraded.as_deref()
    }

    /// All failures by cause.
    #[must_use]
    pub fn failures(&self) -> Failures {
        let sum = |count: fn(&Binds) -> Counter| {
            let counts = self.binds.values().map(|binds| count(binds).sum());
            counts.fold(0, u64::saturating_add)
        };
        Failures {
            connect: Some(self.totals.exhausted),
            bind: Some(sum(|binds| binds.tcp)),
            udp: Some(sum(|binds| binds.udp)),
            conflict: Some(self.totals.conflict),
            no_source_address: Some(self.totals.no_source_address),
        }
    }

    /// What bounds the tuples of a namespace, by the latest look at it; none for one that came later
    /// than the start and was not looked at.
    #[must_use]
    pub fn namespace(&self, id: &NetnsId) -> Option<&Namespace> {
        self.namespaces.get(&Netns::of(id))
    }

    /// Ports of the range that are held through bind: what the tuple's capacity leaves of it. None
    /// where the range is not known.
    #[must_use]
    pub fn blocked(&self, story: &Story) -> Option<u32> {
        let namespace = self.namespace(&story.tuple.netns)?;
        let usable = namespace.range.len().checked_sub(namespace.reserved)?;
        usable.checked_sub(story.sample.as_ref()?.usage.capacity)
    }

    fn event(&mut self, event: &Event) {
        let tuple = match &event.kind {
            EventKind::Started(started) => return self.start(event.time, started),
            EventKind::Alert(alert) => &alert.tuple,
            EventKind::Failure(failure) => &failure.tuple,
            EventKind::Degraded { reason } => {
                self.degraded = Some(reason.clone());
                return;
            }
            // Both are in the counts.
            EventKind::BindFailure(_) | EventKind::Lost { .. } => return,
        };
        let limits = self.limits();
        self.change(tuple, |story| story.happen(event, limits));
    }

    fn start(&mut self, time: Timestamp, started: &Started) {
        for namespace in &started.namespaces {
            self.know(namespace);
        }
        self.tracer.sockets = started.sockets;
        let limits = self.limits();
        for sample in &started.tuples {
            self.change(&sample.tuple, |story| {
                story.begin(sample);
                story.count(time, sample, limits);
            });
        }
        self.started = Some(started.clone());
    }

    fn interval(&mut self, interval: &Interval) {
        self.intervals += 1;
        self.tracer.clone_from(&interval.tracer);
        // Without a start, what the first look finds is from before.
        let first = self.started.is_none() && self.intervals == 1;
        self.count_binds(interval, first);
        let (limits, intervals) = (self.limits(), self.intervals);
        for sample in &interval.samples {
            self.change(&sample.tuple, |story| {
                if first {
                    story.begin(sample);
                }
                story.count(interval.time, sample, limits);
                story.seen = intervals;
            });
        }
        let remembered = |story: &Story| {
            let last = story.failed_last();
            last.is_some_and(|last| interval.time.duration_since(last) < MEMORY)
        };
        self.stories
            .retain(|_, story| story.seen == intervals || remembered(story));
        for story in self.stories.values_mut() {
            if story.seen < intervals {
                story.end(interval.time, limits);
            }
            if !self.binds.is_empty() {
                let binds = self.binds.get(&Netns::of(&story.tuple.netns));
                story.binds = binds.map(|binds| (binds.tcp.sum(), binds.udp.sum()));
            }
        }
    }

    fn count_binds(&mut self, interval: &Interval, first: bool) {
        for sample in &interval.binds {
            let udp = sample.udp_bind.saturating_add(sample.udp_autobind);
            let binds = self.binds.entry(Netns::of(&sample.netns)).or_default();
            if first {
                binds.tcp = Counter::from(sample.tcp_bind);
                binds.udp = Counter::from(udp);
            }
            binds.tcp.take(sample.tcp_bind, false);
            binds.udp.take(udp, false);
        }
    }

    fn openers(&mut self, openers: &Openers) {
        for story in self.stories.values_mut() {
            story.openers.clear();
        }
        for (tuple, list) in &openers.tuples {
            if let Some(story) = self.stories.get_mut(&Key::of(tuple)) {
                story.openers.clone_from(list);
            }
        }
    }

    fn report(&mut self, report: &Report) {
        self.know(&report.namespace);
        if let Some(story) = self.stories.get_mut(&Key::of(&report.tuple)) {
            story.report = Some(Box::new(report.clone()));
        }
    }

    fn know(&mut self, namespace: &Namespace) {
        self.namespaces
            .insert(Netns::of(&namespace.id), namespace.clone());
    }

    /// Changes a tuple's story, a new one if there is room, and counts what failed by that.
    fn change(&mut self, tuple: &Tuple, change: impl FnOnce(&mut Story)) {
        let key = Key::of(tuple);
        let full = self.stories.len() >= TUPLES;
        if full && !self.stories.contains_key(&key) {
            return;
        }
        let Some(began) = self.began else {
            return;
        };
        let story = self
            .stories
            .entry(key)
            .or_insert_with(|| Story::new(tuple.clone(), began));
        let failed = |story: &Story| {
            (
                story.exhausted(),
                story.conflict(),
                story.no_source_address(),
            )
        };
        let before = failed(story);
        change(story);
        let after = failed(story);
        let totals = &mut self.totals;
        for (total, before, after) in [
            (&mut totals.exhausted, before.0, after.0),
            (&mut totals.conflict, before.1, after.1),
            (&mut totals.no_source_address, before.2, after.2),
        ] {
            *total = total.saturating_add(after.saturating_sub(before));
        }
    }

    /// So many tuples leave each so much.
    fn limits(&self) -> Limits {
        let share = |(most, all, least): (usize, usize, usize)| {
            (all / self.stories.len().max(1)).clamp(least, most)
        };
        Limits {
            points: share(POINTS),
            events: share(EVENTS),
        }
    }
}
