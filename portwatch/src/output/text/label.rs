//! The word that names an event.

use crate::model::{AlertKind, Cause, EventKind};

/// Of an alert.
pub(in crate::output) const fn alert(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::Warning => "WARNING",
        AlertKind::Critical => "CRITICAL",
        AlertKind::Predicted => "PREDICTED",
        AlertKind::Recovered => "RECOVERED",
        AlertKind::SlowSearch(_) => "SLOW",
    }
}

/// Of a failed connect(2).
pub(in crate::output) const fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Exhausted => "EXHAUSTED",
        Cause::Conflict => "CONFLICT",
        Cause::NoSourceAddress => "NO-SOURCE",
    }
}

/// Of any event.
pub(in crate::output) const fn event(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Started(_) => "STARTED",
        EventKind::Alert(of) => alert(of.kind),
        EventKind::Failure(failure) => cause(failure.cause),
        EventKind::BindFailure(_) => "NO-PORT",
        EventKind::Lost { .. } => "LOST",
        EventKind::Degraded { .. } => "DEGRADED",
    }
}
