use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::changes::Changes;
use crate::model::{BindSample, Event, Openers, Ratio, Reply, Report, TracerState};

/// Number of the schema. It changes with anything that an item consists of: values are written
/// without their names, and a reader of another schema would take one for the other.
pub const SCHEMA: u32 = 1;

/// What a recording begins with; the schema follows, four bytes, the lowest first.
pub(super) const MAGIC: [u8; 8] = *b"portwrec";

/// Where a recording is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the portwatch that wrote it.
    pub version: String,
    /// Kernel release.
    pub kernel: String,
    /// Name of the machine.
    pub host: String,
    /// When it began, wall clock.
    pub started: Timestamp,
    /// From where on warnings were told.
    pub warning: Ratio,
    /// From where on critical ones were.
    pub critical: Ratio,
}

/// What a frame holds, behind the header's.
#[derive(Serialize, Deserialize)]
pub(super) enum Content<'a> {
    /// [`Item::Event`](crate::model::Item::Event)
    Event(Cow<'a, Event>),
    /// [`Item::Openers`](crate::model::Item::Openers)
    Openers(Cow<'a, Openers>),
    /// [`Item::Report`](crate::model::Item::Report)
    Report(Cow<'a, Box<Report>>),
    /// A part of an interval of very many changes; more follows.
    Part(Changes),
    /// The rest of an interval.
    Interval(Moment<'a>),
    /// The session ended here.
    End,
    /// Said to whoever reads along while it is written; in no file.
    Note(Cow<'a, str>),
    /// The answer to what somebody asked who reads along; in no file.
    Reply(Cow<'a, Reply>),
}

/// An interval's end: what is different from the one before.
#[derive(Serialize, Deserialize)]
pub(super) struct Moment<'a> {
    /// When, wall clock.
    #[serde(with = "jiff::fmt::serde::timestamp::nanosecond::required")]
    pub time: Timestamp,
    /// Tuples.
    pub changes: Changes,
    /// The counts of binds, where they changed.
    pub binds: Option<Cow<'a, [BindSample]>>,
    /// How the tracer does.
    pub tracer: Cow<'a, TracerState>,
}
