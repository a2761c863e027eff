use jiff::Timestamp;

use crate::model::{Chronicle, Failures, Forecast, LiveTrend, Story, Tuple};

/// What a session has told of a tuple.
pub(in crate::commands) struct Watched {
    /// Since when.
    pub since: Timestamp,
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
    pub fn of(tuple: &Tuple, chronicle: &Chronicle) -> Self {
        let story = chronicle.story(tuple);
        let sample = story.and_then(Story::sample);
        Self {
            since: chronicle.began().unwrap_or_else(Timestamp::now),
            failing_since: story.and_then(Story::failing_since),
            failures: story.map_or(NONE, Story::failures),
            forecast: sample.map(|sample| sample.forecast).unwrap_or_default(),
            trend: story.and_then(Story::trend),
        }
    }
}
