//! What portwatch knows and concludes: plain values and pure functions, no input or output.

pub mod census;
pub mod container;
pub mod diagnosis;
pub mod duration;
pub mod event;
pub mod filter;
pub mod forecast;
pub mod namespace;
pub mod ratio;
pub mod selector;
pub mod size;
pub mod state;
pub mod storm;
#[cfg(test)]
pub(crate) mod testing;
pub mod tuple;
pub mod verdict;

pub use census::{Census, SocketRow};
pub use diagnosis::{Check, Diagnosis, HookSetReport, Readiness, Status};
pub use event::{Alert, AlertKind, Cause, Event, EventKind, Failure, Process, Started};
pub use filter::Filter;
pub use forecast::History;
pub use namespace::{Namespace, NetnsId, PortRange};
pub use ratio::{Ratio, Ratios};
pub use selector::NetnsSelector;
pub use storm::Storm;
pub use tuple::{Forecast, States, Tuple, TupleSample, Usage};
pub use verdict::{CheckState, Verdict};
