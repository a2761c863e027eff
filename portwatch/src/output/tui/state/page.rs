use jiff::Timestamp;

use crate::model::Tuple;

/// What fills the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// All tuples, or groups of them.
    #[default]
    Table,
    /// One tuple.
    Detail {
        /// Which.
        tuple: Tuple,
        /// Lines scrolled past.
        scroll: usize,
    },
}

/// How far a recording has been played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Playback {
    /// The time in the recording.
    pub at: Timestamp,
    /// Its end.
    pub end: Timestamp,
    /// How much faster than it happened.
    pub speed: f64,
    /// Whether it stands still.
    pub paused: bool,
}
