use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Blocker, Explanation, Failures, Forecast, Namespace, Opener, Room, Search, States, Tuple,
};

/// Everything that a close look at one tuple told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// When, wall clock.
    pub time: Timestamp,
    /// Kernel release.
    pub kernel: String,
    /// Which tuple.
    pub tuple: Tuple,
    /// Its namespace.
    pub namespace: Namespace,
    /// The port search that its connects make.
    pub search: Search,
    /// What that search can find.
    pub room: Room,
    /// Where the tuple is heading.
    pub forecast: Forecast,
    /// Its connections by state.
    pub states: States,
    /// How long they have been open.
    pub ages: Ages,
    /// Who opened them, most ports first.
    pub openers: Vec<Opener>,
    /// Who holds the blocked ports, most ports first; or why that can't be read.
    pub blockers: Result<Vec<Blocker>, String>,
    /// Failed attempts since somebody watches.
    pub failures: Failures,
    /// Since when somebody watches, wall clock; none where nobody does.
    pub watched_since: Option<Timestamp>,
    /// The first failure for want of a port that was seen, wall clock.
    pub failing_since: Option<Timestamp>,
    /// What it amounts to.
    pub explanation: Explanation,
}

/// How long connections have been open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ages {
    /// Connections by age, one counter for each of [`Ages::BOUNDS`], and one for those older.
    pub spread: [u32; 5],
    /// Connections that were open before anybody watched.
    pub unknown: u32,
    /// The oldest whose age is known.
    pub oldest: Option<Duration>,
}

impl Ages {
    /// Ages below which a connection counts for a place of the spread.
    pub const BOUNDS: [Duration; 4] = [
        Duration::from_secs(10),
        Duration::from_secs(60),
        Duration::from_secs(10 * 60),
        Duration::from_secs(60 * 60),
    ];

    /// Counts a connection.
    pub fn add(&mut self, age: Option<Duration>) {
        let Some(age) = age else {
            self.unknown += 1;
            return;
        };
        let place = Self::BOUNDS.iter().filter(|bound| age >= **bound).count();
        if let Some(count) = self.spread.get_mut(place) {
            *count += 1;
        }
        self.oldest = self.oldest.max(Some(age));
    }
}
