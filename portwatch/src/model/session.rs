use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BindSample, Event, Opener, Report, Tuple, TupleSample};

/// What a session consists of, in the order in which it happened: from a running tracer, or from a
/// recording of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Item {
    /// Something happened. The first one is the start.
    Event(Event),
    /// An interval went by.
    Interval(Interval),
    /// Who has the connections, looked up from time to time.
    Openers(Openers),
    /// Somebody looked closely at a tuple.
    Report(Box<Report>),
}

/// The state of everything at the end of an interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// When, wall clock.
    pub time: Timestamp,
    /// Every tuple, in no order.
    pub samples: Vec<TupleSample>,
    /// Every namespace in which a bind found no free port, in no order.
    pub binds: Vec<BindSample>,
    /// How the tracer itself does.
    pub tracer: TracerState,
}

/// Who opened the connections of each tuple.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Openers {
    /// When, wall clock.
    pub time: Timestamp,
    /// Every tuple that has connections, with their openers, those of most ports first.
    pub tuples: Vec<(Tuple, Vec<Opener>)>,
}

/// How a tracer does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracerState {
    /// Sockets in its set.
    pub sockets: u64,
    /// Sweeps over the kernel's own list so far.
    pub sweeps: u64,
    /// Corrections that they made; none are expected.
    pub corrections: u64,
    /// Events that did not fit into the ring buffer so far.
    pub lost_events: u64,
    /// Runs of its programs that the kernel skipped so far, by program; those without any left out.
    pub recursion_misses: BTreeMap<String, u64>,
}

impl Item {
    /// When, wall clock.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Event(event) => event.time,
            Self::Interval(interval) => interval.time,
            Self::Openers(openers) => openers.time,
            Self::Report(report) => report.time,
        }
    }
}
