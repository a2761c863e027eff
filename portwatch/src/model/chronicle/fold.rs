//! How a story comes about.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::{
    counter::Counter,
    course::{Course, Point},
    story::Story,
};
use crate::model::{Alert, Cause, Event, EventKind, Failure, Forecast, Tuple, TupleSample, Usage};

/// Failures that events stood for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    exhausted: u64,
    conflict: u64,
    pub no_source_address: u64,
}

/// How much of everything is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub points: usize,
    pub events: usize,
}

impl Story {
    /// Of a tuple of which nothing is known yet.
    pub(super) fn new(tuple: Tuple, watched_since: Timestamp) -> Self {
        Self {
            tuple,
            sample: None,
            course: Course::default(),
            events: VecDeque::new(),
            openers: Vec::new(),
            report: None,
            binds: None,
            watched_since,
            failing_since: None,
            failed_last: None,
            exhausted_last: None,
            opened: Counter::default(),
            exhausted: Counter::default(),
            conflict: Counter::default(),
            told: Told::default(),
            seen: 0,
        }
    }

    /// Failures for want of a port since somebody watches. Counts and events both come late: the
    /// greater is nearer to the truth.
    pub(super) fn exhausted(&self) -> u64 {
        self.exhausted.sum().max(self.told.exhausted)
    }

    pub(super) fn conflict(&self) -> u64 {
        self.conflict.sum().max(self.told.conflict)
    }

    pub(super) fn no_source_address(&self) -> u64 {
        self.told.no_source_address
    }

    /// The totals at the first sight: what they say happened before anybody watched.
    pub(super) fn begin(&mut self, sample: &TupleSample) {
        self.opened = Counter::from(sample.opened);
        self.exhausted = Counter::from(sample.exhausted);
        self.conflict = Counter::from(sample.conflict);
    }

    /// The counts at the end of an interval.
    pub(super) fn count(&mut self, time: Timestamp, sample: &TupleSample, limits: Limits) {
        let born = self.sample.as_ref().and_then(|sample| sample.first_seen);
        let anew = born.is_some() && sample.first_seen.is_some() && born != sample.first_seen;
        let before = self.exhausted();
        self.opened.take(sample.opened, anew);
        self.exhausted.take(sample.exhausted, anew);
        self.conflict.take(sample.conflict, anew);
        if self.exhausted() > before {
            self.exhaust(time);
        }
        self.tuple.clone_from(&sample.tuple);
        self.sample = Some(sample.clone());
        self.note(time, sample.usage, limits);
    }

    /// The tuple has no connection any more.
    pub(super) fn end(&mut self, time: Timestamp, limits: Limits) {
        let Some(sample) = &mut self.sample else {
            return;
        };
        sample.forecast = Forecast::default();
        let usage = Usage {
            used: 0,
            time_wait: 0,
            reclaimable: None,
            capacity: sample.usage.capacity,
            room: None,
        };
        sample.usage = usage;
        self.note(time, usage, limits);
    }

    fn note(&mut self, time: Timestamp, usage: Usage, limits: Limits) {
        let point = Point {
            time,
            used: usage.used,
            time_wait: usage.time_wait,
            capacity: usage.capacity,
            opened: self.opened.sum(),
            exhausted: self.exhausted(),
        };
        self.course.add(point, limits.points);
    }

    /// Something happened to it.
    pub(super) fn happen(&mut self, event: &Event, limits: Limits) {
        match &event.kind {
            EventKind::Alert(alert) => self.alert(event.time, alert),
            EventKind::Failure(failure) => self.failure(event.time, failure),
            _ => return,
        }
        self.events.push_back(event.clone());
        while self.events.len() > limits.events.max(1) {
            self.events.pop_front();
        }
    }

    fn alert(&mut self, time: Timestamp, alert: &Alert) {
        self.learn(time, alert.usage, Some(alert.forecast));
    }

    fn failure(&mut self, time: Timestamp, failure: &Failure) {
        let stands_for = failure.suppressed.saturating_add(1);
        let count = match failure.cause {
            Cause::Exhausted => &mut self.told.exhausted,
            Cause::Conflict => &mut self.told.conflict,
            Cause::NoSourceAddress => &mut self.told.no_source_address,
        };
        *count = count.saturating_add(stands_for);
        if failure.cause == Cause::Exhausted {
            self.exhaust(time);
        }
        self.failed_last = self.failed_last.max(Some(time));
        if let Some(usage) = failure.usage {
            self.learn(time, usage, None);
        }
    }

    fn exhaust(&mut self, time: Timestamp) {
        self.failing_since.get_or_insert(time);
        self.failed_last = self.failed_last.max(Some(time));
        self.exhausted_last = self.exhausted_last.max(Some(time));
    }

    /// An event tells how full the tuple was: newer than the latest counts, unless it comes late.
    fn learn(&mut self, time: Timestamp, usage: Usage, forecast: Option<Forecast>) {
        if self.course.last().is_some_and(|last| last.time > time) {
            return;
        }
        match &mut self.sample {
            Some(sample) => {
                sample.usage = usage;
                sample.forecast = forecast.unwrap_or(sample.forecast);
            }
            None => {
                self.sample = Some(TupleSample {
                    tuple: self.tuple.clone(),
                    usage,
                    forecast: forecast.unwrap_or_default(),
                    first_seen: None,
                    opened: 0,
                    exhausted: 0,
                    conflict: 0,
                    slowest_search: None,
                    untracked: 0,
                    states: None,
                });
            }
        }
    }
}
