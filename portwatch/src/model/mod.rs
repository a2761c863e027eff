//! What portwatch knows and concludes: plain values and pure functions, no input or output.

mod ask;
mod bind;
mod blockers;
mod census;
mod chronicle;
pub mod container;
mod diagnosis;
mod duration;
mod event;
mod explanation;
mod filter;
pub mod forecast;
mod growth;
mod ledger;
mod namespace;
mod opener;
mod place;
mod ports;
mod ratio;
mod report;
mod request;
mod room;
mod screen;
mod session;
mod size;
mod snapshot;
pub mod state;
pub mod storm;
#[cfg(test)]
pub(crate) mod testing;
pub mod trial;
mod tuple;
mod verdict;
mod watched;

pub use ask::{Ask, parse_ip, parse_port_range};
pub use bind::{BindCause, BindFailure, BindSample};
pub use blockers::{Blocker, Hold, HolderRow, Holders, Opened, Owner};
pub use census::{Census, SocketRow};
pub use chronicle::{Chronicle, Course, Point, Story};
pub use diagnosis::{Check, Diagnosis, HookSetReport, Readiness, Status};
pub use duration::{parse_duration, parse_short_duration};
pub use event::{Alert, AlertKind, Cause, Event, EventKind, Failure, Process, Started};
pub use explanation::{
    Advice, BindHolder, Culprit, Explanation, Facts, Failures, HolderKind, LiveTrend, Look,
    Stranger, explain,
};
pub use filter::{Filter, NetnsFilter, parse_comm, parse_peer};
pub use forecast::{EtaWarning, History, since_birth};
pub use growth::Growth;
pub use ledger::{Ledger, Row, Standing, Totals};
pub use namespace::{Namespace, NetnsId, PortRange};
pub use opener::{Connection, Opener, OpenerCounts, OpenerProcess};
pub use place::Place;
pub use ports::PortSet;
pub use ratio::{Ratio, Ratios};
pub use report::{Ages, Report};
pub use request::{Inquiry, Reply, Request, Wanted};
pub use room::{Headroom, Obstacles, Room, Search};
pub use screen::Screen;
pub use session::{Interval, Item, Openers, TracerState};
pub use size::parse_ring_size;
pub use snapshot::Snapshot;
pub use storm::Storm;
pub use tuple::{Forecast, States, Tuple, TupleSample, Usage, worst_first};
pub use verdict::{CheckState, Verdict};
pub use watched::Watched;
