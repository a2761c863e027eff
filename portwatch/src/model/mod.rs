//! What portwatch knows and concludes: plain values and pure functions, no input or output.

mod bind;
mod census;
pub mod container;
mod diagnosis;
mod duration;
mod event;
mod explanation;
mod filter;
pub mod forecast;
mod namespace;
mod ratio;
mod screen;
mod size;
pub mod state;
pub mod storm;
#[cfg(test)]
pub(crate) mod testing;
mod tuple;
mod verdict;

pub use bind::{BindCause, BindFailure, BindSample};
pub use census::{Census, SocketRow};
pub use diagnosis::{Check, Diagnosis, HookSetReport, Readiness, Status};
pub use duration::{parse_duration, parse_short_duration};
pub use event::{Alert, AlertKind, Cause, Event, EventKind, Failure, Process, Started};
pub use explanation::{
    Advice, BindHolder, Culprit, Explanation, Facts, Failures, HolderKind, LiveTrend, Stranger,
    explain,
};
pub use filter::{Filter, NetnsFilter, parse_comm, parse_peer};
pub use forecast::{EtaWarning, History, since_birth};
pub use namespace::{Namespace, NetnsId, PortRange};
pub use ratio::{Ratio, Ratios};
pub use screen::Screen;
pub use size::parse_ring_size;
pub use storm::Storm;
pub use tuple::{Forecast, States, Tuple, TupleSample, Usage};
pub use verdict::{CheckState, Verdict};
