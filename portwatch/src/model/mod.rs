//! What portwatch knows and concludes: plain values and pure functions, no input or output.

pub mod container;
pub mod event;
pub mod namespace;
pub mod tuple;

pub use event::{Alert, AlertKind, Cause, Event, EventKind, Failure, Process, Started};
pub use namespace::{Namespace, NetnsId, PortRange};
pub use tuple::{Forecast, States, Tuple, TupleSample, Usage};
