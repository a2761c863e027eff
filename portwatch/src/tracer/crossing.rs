//! Crossings of an alert threshold that no record of the kernel side tells of.

use std::time::Duration;

use portwatch_common::{Level, TupleEntry};

use super::{keeper::Shared, memory::Memory};
use crate::model::{Alert, AlertKind, EventKind, Usage};

/// A crossing that no record told of: made by sockets from before the start, by TIME_WAIT or by a
/// range that was changed; or the ring had no room. The latter shows at the second look.
pub(super) fn quiet_crossing(
    memory: &mut Memory,
    slot: u32,
    entry: &TupleEntry,
    usage: &Usage,
    now: Duration,
    shared: &Shared,
) -> Option<EventKind> {
    let busy = busy(usage);
    let thresholds = shared.thresholds(entry.capacity);
    let level = thresholds.level(busy);
    let rose = level > memory.level();
    let fell = memory.level() > Level::Ok && busy < thresholds.recovered.cast_signed();
    // Where the kernel side knows the level, its record is on its way, or found no room in the ring.
    let known = if rose {
        level as u16 <= entry.level
    } else {
        entry.level == Level::Ok as u16
    };
    let unheard = std::mem::replace(&mut memory.unheard, (rose || fell) && known);
    if !(rose || fell) || known && !unheard {
        return None;
    }
    memory.unheard = false;
    memory.recover();
    let kind = if rose {
        memory.tell(level, now);
        alert_kind(level)
    } else {
        AlertKind::Recovered
    };
    shared.table.set_level(slot, memory.level());
    Some(EventKind::Alert(Alert {
        kind,
        tuple: shared.directory.tuple(&entry.key, 0),
        usage: *usage,
        forecast: memory.forecast(usage),
        process: None,
    }))
}

/// Ports in the way of a new connection, as thresholds are compared with.
pub(super) fn busy(usage: &Usage) -> i32 {
    i32::try_from(usage.busy()).unwrap_or(i32::MAX)
}

/// What a rise to a level is told as.
pub(super) const fn alert_kind(level: Level) -> AlertKind {
    match level {
        Level::Critical => AlertKind::Critical,
        Level::Ok | Level::Warning => AlertKind::Warning,
    }
}
