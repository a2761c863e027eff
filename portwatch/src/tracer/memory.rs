//! What is known of a tuple beyond its entry.

use std::time::Duration;

use portwatch_common::{Level, TupleEntry};

use crate::model::{EtaWarning, Forecast, History, Usage, since_birth};

/// Two CPUs that cross a threshold at once both tell of it, this close together.
const TWICE: Duration = Duration::from_millis(10);

/// Ages in TIME_WAIT are known to that, for the looks at a tuple are so far apart.
const LOOKS_APART: Duration = Duration::from_secs(1);
/// How long connect is not taken to reuse TIME_WAIT after it failed beside some.
const DISTRUST: Duration = Duration::from_secs(60);

/// A tuple's past, as far as it matters.
#[derive(Default)]
pub(super) struct Memory {
    history: History,
    /// The same without what connect may reuse, where it may.
    busy: Option<Box<History>>,
    /// Ports that it may reuse, and failed attempts, as of the latest note.
    reclaimable: u32,
    exhausted: u64,
    /// Until when it is taken not to: it failed beside some that it might have.
    distrust: Duration,
    /// The alert level told last, and when.
    told: Option<(Level, Duration)>,
    /// At the previous look the kernel side had told of a crossing that nobody heard of.
    pub unheard: bool,
    eta_warning: EtaWarning,
}

impl Memory {
    /// Notes that a level is told now; false when another CPU's record has just told it.
    pub fn tell(&mut self, level: Level, now: Duration) -> bool {
        if let Some((before, when)) = self.told
            && before >= level
            && now.abs_diff(when) < TWICE
        {
            return false;
        }
        self.told = Some((level, now));
        true
    }

    /// Notes that the tuple has fallen back.
    pub fn recover(&mut self) {
        self.told = None;
    }

    /// The alert level told last.
    pub fn level(&self) -> Level {
        self.told.map_or(Level::Ok, |(level, _)| level)
    }

    /// Whether further looks that find the same counts would change nothing, neither here nor in what
    /// is told of the tuple.
    pub fn is_settled(&self, now: Duration) -> bool {
        self.busy.is_none()
            && self.history.is_settled()
            && self.eta_warning.is_calm()
            && !self.unheard
            && now >= self.distrust
    }

    /// Notes that the counts were the same until then.
    pub fn hold(&mut self, until: Duration) {
        self.history.hold(until);
    }

    /// Notes what the tuple held at a moment of the monotonic clock, and prices its TIME_WAIT:
    /// connect takes ports back that were in it for `reuse_after`, if any. The entry may be
    /// younger: of it counts what was opened and what failed.
    pub fn note(
        &mut self,
        now: Duration,
        usage: &Usage,
        entry: Option<&TupleEntry>,
        reuse_after: Option<Duration>,
    ) -> Usage {
        let opened = entry.map_or(0, |entry| entry.opened.saturating_sub(entry.exhausted));
        // Until there is TIME_WAIT both are the same, and one does for both.
        if usage.time_wait > 0 && self.busy.is_none() && !self.history.has_waited() {
            self.busy = Some(Box::new(self.history.clone()));
        }
        self.history.push(now, usage, opened);
        let exhausted = entry.map_or(self.exhausted, |entry| entry.exhausted);
        // Without timestamps, say, which are not looked at.
        if exhausted > self.exhausted && self.reclaimable > 0 {
            self.distrust = now + DISTRUST;
        }
        self.exhausted = exhausted;
        let reuse_after = reuse_after.filter(|_| now >= self.distrust);
        let Some(reuse_after) = reuse_after else {
            self.busy = None;
            self.reclaimable = 0;
            return *usage;
        };
        self.reclaimable = self.history.waiting(reuse_after + LOOKS_APART);
        let priced = Usage {
            reclaimable: Some(self.reclaimable),
            ..*usage
        };
        if self.busy.is_some() || self.history.has_waited() {
            let busy = self.busy.get_or_insert_default();
            busy.push(now, &without_time_wait(&priced), opened);
        }
        priced
    }

    /// Where the tuple is heading, as of the latest note. `usage` is that note's, priced.
    pub fn forecast(&self, usage: &Usage) -> Forecast {
        match &self.busy {
            Some(busy) => busy.forecast(&without_time_wait(usage)),
            None => self.history.forecast(usage),
        }
    }

    /// The same; of a tuple that was not looked at before by its `age`, where that is known.
    pub fn forecast_from_birth(&self, usage: &Usage, age: Option<Duration>) -> Forecast {
        let forecast = self.forecast(usage);
        match age {
            Some(age) if forecast.rate.is_none() => since_birth(usage, age),
            _ => forecast,
        }
    }

    /// The forecast to warn with, when the time to exhaustion has just fallen below `limit`.
    pub fn eta_warning(
        &mut self,
        now: Duration,
        usage: &Usage,
        limit: Duration,
    ) -> Option<Forecast> {
        // Of an empty tuple this only notes that it is calm.
        let forecast = if EtaWarning::concerns(usage) {
            self.forecast(usage)
        } else {
            Forecast::default()
        };
        self.eta_warning
            .look(now, usage, &forecast, limit)
            .then_some(forecast)
    }
}

/// What is in the way of a new connection, as if that was all there is: of a tuple whose TIME_WAIT
/// is reused within seconds, TIME_WAIT foretells nothing.
fn without_time_wait(usage: &Usage) -> Usage {
    Usage {
        used: usage.busy(),
        time_wait: 0,
        reclaimable: None,
        ..*usage
    }
}
