use jiff::SignedDuration;
use portwatch_common::Level;

use crate::model::{Chronicle, Ratios, Story};

/// How long a tuple counts as failing after its last failure.
const FAILING: SignedDuration = SignedDuration::from_secs(3);

/// How bad it is, mildest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Below the thresholds.
    #[default]
    Ok,
    /// From the warning threshold on.
    Warning,
    /// From the critical threshold on.
    Critical,
    /// Attempts fail now for want of a port.
    Failing,
}

/// The numbers of a row: of one tuple, or of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// How bad; of a group the worst.
    pub severity: Severity,
    /// Tuples in it.
    pub tuples: u32,
    /// Ports held; of a group the sum.
    pub used: u64,
    /// The part of `used` in TIME_WAIT.
    pub time_wait: u64,
    /// Ports of the range held through bind; none for a group, and where it is not known.
    pub blocked: Option<u32>,
    /// Ports that could be used; none for a group, and where it is not known.
    pub capacity: Option<u32>,
    /// 0 to 1 and beyond; of a group the greatest.
    pub utilisation: f64,
    /// The part of it that TIME_WAIT makes, 0 to 1.
    pub waiting: f64,
    /// Net growth, ports a second; of a group the sum.
    pub rate: Option<f64>,
    /// Seconds until no port is left; of a group the least.
    pub left: Option<f64>,
    /// Failures for want of a port, a second; of a group the sum.
    pub failing: f64,
    /// Failures for want of a port since somebody watches; of a group the sum.
    pub failures: u64,
}

impl Figures {
    /// One tuple's.
    #[must_use]
    pub fn of(story: &Story, chronicle: &Chronicle, ratios: &Ratios) -> Self {
        let lately = story
            .exhausted_last()
            .zip(chronicle.now())
            .is_some_and(|(last, now)| now.duration_since(last) < FAILING);
        let failing = story.failures_per_second();
        let mut figures = Self {
            tuples: 1,
            failing,
            failures: story.failures().connect.unwrap_or(0),
            ..Self::default()
        };
        if let Some(sample) = story.sample() {
            let usage = &sample.usage;
            figures.severity = match ratios.level(usage) {
                Level::Ok => Severity::Ok,
                Level::Warning => Severity::Warning,
                Level::Critical => Severity::Critical,
            };
            figures.used = usage.used.into();
            figures.time_wait = usage.time_wait.into();
            figures.capacity = Some(usage.capacity);
            // What has no connection and no capacity is not full.
            if usage.used > 0 || usage.capacity > 0 {
                figures.utilisation = usage.utilisation();
                let live = usage.used.saturating_sub(usage.time_wait);
                let live = f64::from(live) / f64::from(usage.capacity.max(1));
                figures.waiting = (figures.utilisation - live).max(0.0);
            } else {
                figures.severity = Severity::Ok;
            }
            figures.blocked = chronicle.blocked(story);
            figures.rate = sample.forecast.rate;
            figures.left = sample.forecast.seconds_to_exhaustion;
        }
        if lately || failing > 0.0 {
            figures.severity = Severity::Failing;
        }
        figures
    }

    /// Takes another tuple into the group.
    pub fn add(&mut self, other: &Self) {
        self.severity = self.severity.max(other.severity);
        self.tuples = self.tuples.saturating_add(other.tuples);
        self.used = self.used.saturating_add(other.used);
        self.time_wait = self.time_wait.saturating_add(other.time_wait);
        if other.utilisation > self.utilisation {
            (self.utilisation, self.waiting) = (other.utilisation, other.waiting);
        }
        self.rate = match (self.rate, other.rate) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        self.left = match (self.left, other.left) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.failing += other.failing;
        self.failures = self.failures.saturating_add(other.failures);
        (self.blocked, self.capacity) = (None, None);
    }

    /// Live connections.
    #[must_use]
    pub fn live(&self) -> u64 {
        self.used.saturating_sub(self.time_wait)
    }
}
