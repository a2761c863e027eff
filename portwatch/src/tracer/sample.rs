//! From a raw entry of the array to what the model speaks of.

use std::time::Duration;

use portwatch_common::TupleEntry;

use super::directory::Directory;
use crate::model::{Forecast, TupleSample, Usage};

/// How full a tuple is. Counters that are below zero for an instant are none.
pub(super) fn usage(used: i32, time_wait: i32, capacity: u32) -> Usage {
    let ports = |count: i32| u32::try_from(count).unwrap_or(0);
    Usage {
        used: ports(used),
        time_wait: ports(time_wait),
        reclaimable: None,
        capacity,
        room: None,
    }
}

/// A tuple at one moment.
pub(super) fn sample(
    directory: &Directory,
    entry: &TupleEntry,
    usage: Usage,
    forecast: Forecast,
) -> TupleSample {
    TupleSample {
        tuple: directory.tuple(&entry.key, 0),
        usage,
        forecast,
        first_seen: Some(Duration::from_nanos(entry.created_ns)),
        opened: entry.opened,
        exhausted: entry.exhausted,
        conflict: entry.conflict,
        slowest_search: (entry.search_max_ns > 0)
            .then(|| Duration::from_nanos(entry.search_max_ns.into())),
        untracked: entry.untracked,
        states: None,
    }
}
