use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BindFailure, Forecast, Namespace, Tuple, TupleSample, Usage};

/// Something that happened, at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, wall clock.
    pub time: Timestamp,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EventKind {
    /// The tracer runs.
    Started(Started),
    /// A tuple crossed a threshold, or its port searches became slow.
    Alert(Alert),
    /// connect(2) failed with EADDRNOTAVAIL.
    Failure(Failure),
    /// A bind found no free port.
    BindFailure(BindFailure),
    /// The ring buffer overflowed: so many events were dropped. Counters are unaffected.
    Lost {
        /// Events dropped since the last report.
        events: u64,
    },
    /// Something makes the counts less than exact: a full map, missed program runs.
    Degraded {
        /// A sentence for the operator: what, and what to do.
        reason: String,
    },
}

/// What the tracer found when it started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// Hook set in use.
    pub hooks: String,
    /// Kernel release.
    pub kernel: String,
    /// What this hook set and these options can't see, a phrase each.
    pub blind_spots: Vec<String>,
    /// Network namespaces that exist.
    pub namespaces: Vec<Namespace>,
    /// Sockets in the set.
    pub sockets: u64,
    /// Every tuple in use, fullest first.
    pub tuples: Vec<TupleSample>,
}

/// Something that precedes exhaustion, or its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Which way.
    pub kind: AlertKind,
    /// Whose.
    pub tuple: Tuple,
    /// How full at that moment.
    pub usage: Usage,
    /// How fast it fills.
    pub forecast: Forecast,
    /// Whose connect(2) crossed the threshold; none for a recovery.
    pub process: Option<Process>,
}

/// What a tuple's alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlertKind {
    /// Rose to the warning threshold.
    Warning,
    /// Rose to the critical threshold.
    Critical,
    /// The forecast time to exhaustion fell below what the user wants to be warned at.
    Predicted,
    /// Fell back under the warning threshold, past the hysteresis.
    Recovered,
    /// Port searches have become slow; the last one took so long.
    SlowSearch(Duration),
}

/// A connect(2) that failed with EADDRNOTAVAIL, or several in a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Why.
    pub cause: Cause,
    /// Towards what.
    pub tuple: Tuple,
    /// How full the tuple was; none for a cause that has nothing to do with it.
    pub usage: Option<Usage>,
    /// Who. None for a line that only accounts for suppressed failures.
    pub process: Option<Process>,
    /// The bound port of a conflict.
    pub local_port: Option<u16>,
    /// Further failures of this cause and tuple since the last event that had no event of their
    /// own: the events of a tuple are rate limited, its count is not.
    pub suppressed: u64,
}

/// Why connect(2) returned EADDRNOTAVAIL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// The port search found no free port.
    Exhausted,
    /// The socket's explicitly bound port already has this connection.
    Conflict,
    /// No usable source address; no port was searched.
    NoSourceAddress,
}

/// The process that made a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Process id (thread group).
    pub pid: u32,
    /// Command name.
    pub comm: String,
    /// User id.
    pub uid: u32,
    /// cgroup path; none where the process was gone or has none.
    pub cgroup: Option<String>,
    /// Container id, where the cgroup path tells one.
    pub container: Option<String>,
}
