use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Chronicle, Failures, Forecast, LiveTrend, Story, Tuple};

/// What a session has told of a tuple.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// Since when; none before the session's first item.
    pub since: Option<Timestamp>,
    /// The first failure for want of a port.
    pub failing_since: Option<Timestamp>,
    /// Failures since then.
    pub failures: Failures,
    /// Where the tuple is heading.
    pub forecast: Forecast,
    /// What its live connections did of late.
    pub trend: Option<LiveTrend>,
}

/// Of a tuple that nobody connected to while somebody watched.
const NONE: Failures = Failures {
    connect: Some(0),
    bind: None,
    udp: None,
    conflict: Some(0),
    no_source_address: None,
};

impl Watched {
    /// What a session told of a tuple so far.
    #[must_use]
    pub fn of(tuple: &Tuple, chronicle: &Chronicle) -> Self {
        let story = chronicle.story(tuple);
        let sample = story.and_then(Story::sample);
        Self {
            since: chronicle.began(),
            failing_since: story.and_then(Story::failing_since),
            failures: story.map_or(NONE, Story::failures),
            forecast: sample.map(|sample| sample.forecast).unwrap_or_default(),
            trend: story.and_then(Story::trend),
        }
    }
}
