//! What is known of a tuple beyond its entry.

use std::time::Duration;

use portwatch_common::{Level, TupleEntry};

use crate::model::{EtaWarning, Forecast, History, Usage, since_birth};

/// Two CPUs that cross a threshold at once both tell of it, this close together.
const TWICE: Duration = Duration::from_millis(10);

/// A tuple's past, as far as it matters.
#[derive(Default)]
pub(super) struct Memory {
    history: History,
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

    /// Notes what the tuple held at a moment of the monotonic clock. The entry may be younger: of
    /// it counts what was opened.
    pub fn note(&mut self, now: Duration, usage: &Usage, entry: Option<&TupleEntry>) {
        let opened = entry.map_or(0, |entry| entry.opened.saturating_sub(entry.exhausted));
        self.history.push(now, usage, opened);
    }

    /// Where the tuple is heading, as of the latest note.
    pub fn forecast(&self, usage: &Usage) -> Forecast {
        self.history.forecast(usage)
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
