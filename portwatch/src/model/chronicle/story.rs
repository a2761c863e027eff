use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;

use super::{
    counter::Counter,
    course::{Course, Point},
    fold::Told,
};
use crate::model::{
    Event, EventKind, Failures, LiveTrend, Opener, Process, Report, Tuple, TupleSample,
};

/// What "a second" means for failures.
const LATELY: Duration = Duration::from_secs(3);
/// What it means for a trend.
const TREND: Duration = Duration::from_secs(10);

/// What happened to one tuple.
#[derive(Clone, Debug)]
pub struct Story {
    pub(super) tuple: Tuple,
    pub(super) sample: Option<TupleSample>,
    pub(super) course: Course,
    pub(super) events: VecDeque<Event>,
    pub(super) openers: Vec<Opener>,
    pub(super) report: Option<Box<Report>>,
    /// Of its namespace, TCP and UDP.
    pub(super) binds: Option<(u64, u64)>,
    pub(super) watched_since: Timestamp,
    pub(super) failing_since: Option<Timestamp>,
    pub(super) failed_last: Option<Timestamp>,
    pub(super) exhausted_last: Option<Timestamp>,
    pub(super) opened: Counter,
    pub(super) exhausted: Counter,
    pub(super) conflict: Counter,
    pub(super) told: Told,
    /// The interval that it was last seen in.
    pub(super) seen: u64,
}

impl Story {
    /// Which tuple.
    #[must_use]
    pub fn tuple(&self) -> &Tuple {
        &self.tuple
    }

    /// Its latest counts; none where only events told of it.
    #[must_use]
    pub fn sample(&self) -> Option<&TupleSample> {
        self.sample.as_ref()
    }

    /// How its counts came about.
    #[must_use]
    pub fn course(&self) -> &Course {
        &self.course
    }

    /// Its latest events, oldest first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> + ExactSizeIterator {
        self.events.iter()
    }

    /// Who has its connections, most ports first, by the latest look.
    #[must_use]
    pub fn openers(&self) -> &[Opener] {
        &self.openers
    }

    /// The latest close look.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        self.report.as_deref()
    }

    /// Since when its failures are counted, wall clock.
    #[must_use]
    pub fn watched_since(&self) -> Timestamp {
        self.watched_since
    }

    /// The first failure for want of a port, wall clock.
    #[must_use]
    pub fn failing_since(&self) -> Option<Timestamp> {
        self.failing_since
    }

    /// The last failure of any cause, wall clock.
    #[must_use]
    pub fn failed_last(&self) -> Option<Timestamp> {
        self.failed_last
    }

    /// The last failure for want of a port, wall clock.
    #[must_use]
    pub fn exhausted_last(&self) -> Option<Timestamp> {
        self.exhausted_last
    }

    /// Failures since somebody watches. Binds are those of the whole namespace. None: nobody heard
    /// of such a failure, and maybe nobody would have.
    #[must_use]
    pub fn failures(&self) -> Failures {
        let no_source = self.told.no_source_address;
        Failures {
            connect: Some(self.exhausted()),
            bind: self.binds.map(|(tcp, _)| tcp),
            udp: self.binds.map(|(_, udp)| udp),
            conflict: Some(self.conflict()),
            no_source_address: (no_source > 0).then_some(no_source),
        }
    }

    /// Failures for want of a port, a second, of late.
    #[must_use]
    pub fn failures_per_second(&self) -> f64 {
        self.course
            .change(LATELY)
            .map_or(0.0, |(first, last, seconds)| {
                last.exhausted.saturating_sub(first.exhausted) as f64 / seconds
            })
    }

    /// How its live connections came and went of late; none before there are two looks.
    #[must_use]
    pub fn trend(&self) -> Option<LiveTrend> {
        let (first, last, seconds) = self.course.change(TREND)?;
        let opened = |point: &Point| point.opened.saturating_sub(point.exhausted);
        Some(LiveTrend {
            opened: opened(&last).saturating_sub(opened(&first)) as f64 / seconds,
            growth: (f64::from(last.live()) - f64::from(first.live())) / seconds,
        })
    }

    /// Who opened most of its connections, or else who had the last event: process id and command
    /// name.
    #[must_use]
    pub fn owner(&self) -> Option<(u32, &str)> {
        let opener = self
            .openers
            .iter()
            .find_map(|opener| opener.process.as_ref());
        let opener = opener.map(|process| (process.pid, process.comm.as_str()));
        opener.or_else(|| {
            let process = self.last_process()?;
            Some((process.pid, process.comm.as_str()))
        })
    }

    /// The container of the [owner](Self::owner); none where it is in none, or that is not known.
    #[must_use]
    pub fn container(&self) -> Option<&str> {
        match self
            .openers
            .iter()
            .find_map(|opener| opener.process.as_ref())
        {
            Some(process) => process.place.container.as_deref(),
            None => self.last_process()?.container.as_deref(),
        }
    }

    fn last_process(&self) -> Option<&Process> {
        self.events
            .iter()
            .rev()
            .find_map(|event| match &event.kind {
                EventKind::Alert(alert) => alert.process.as_ref(),
                EventKind::Failure(failure) => failure.process.as_ref(),
                _ => None,
            })
    }
}
