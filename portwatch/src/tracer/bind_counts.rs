//! The kernel side's counters of binds without a free port.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aya::maps::{HashMap, MapData};
use portwatch_common::BindFailures;

use super::pod::Plain;

type Map = HashMap<MapData, u64, Plain<BindFailures>>;

/// The map `BINDS`.
pub(super) struct BindCounts(pub Mutex<Map>);

impl BindCounts {
    fn map(&self) -> MutexGuard<'_, Map> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counters of every namespace that has any, by its cookie. An entry that can't be read is
    /// left out: the next look has it.
    pub fn read(&self) -> Vec<(u64, BindFailures)> {
        let map = self.map();
        let entries = map.iter().filter_map(Result::ok);
        entries
            .map(|(cookie, Plain(failures))| (cookie, failures))
            .collect()
    }

    /// Gives up the counters of a namespace that is gone.
    pub fn forget(&self, cookie: u64) {
        // Fails only where there are none.
        let _ = self.map().remove(&cookie);
    }
}
