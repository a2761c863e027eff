use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::TupleKey;

/// Slots that one run of the program `free_slots` frees.
pub const SLOTS_A_RUN: u32 = 64;

/// One tuple's counters, an element of the memory-mapped array `TUPLES`.
///
/// Two cache lines: what identifies the tuple, then what every connection changes.
///
/// The kernel side changes counters by atomic addition only. A reader can see `used`, `time_wait`
/// and `bound` for an instant below zero: a socket's delete on one CPU may be counted before its
/// insert on another.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct TupleEntry {
    /// The tuple that this slot holds.
    pub key: TupleKey,
    /// When the slot was taken, nanoseconds of `CLOCK_MONOTONIC`; 0 is a slot never used.
    pub created_ns: u64,
    /// Start of the current window of the event rate limit, [`EVENT_WINDOW_SHIFT`] units of
    /// `CLOCK_MONOTONIC`.
    ///
    /// [`EVENT_WINDOW_SHIFT`]: crate::EVENT_WINDOW_SHIFT
    pub window: u32,
    /// Longest port search, nanoseconds.
    pub search_max_ns: u32,
    /// Autobound connection attempts that entered the set, failed ones included.
    pub opened: u64,
    /// Attempts whose port search found nothing.
    pub exhausted: u64,
    /// Attempts from an explicitly bound port whose 4-tuple was taken.
    pub conflict: u64,
    /// Ports held by autobound connections: live ones and TIME_WAIT.
    pub used: i32,
    /// The part of `used` held by TIME_WAIT mini-sockets (FIN_WAIT2 ones included).
    pub time_wait: i32,
    /// Connections of this tuple whose port was bound before connect; not part of `used`.
    pub bound: i32,
    /// Ports that this tuple could use if it had no connection; kept current by the user side.
    pub capacity: u32,
    /// Where alerts are raised and taken back; kept current by the user side.
    pub thresholds: Thresholds,
    /// The alert level reached, a [`Level`].
    pub level: u16,
    /// How slow port searches are of late, see [`SlowSearches`](crate::SlowSearches).
    pub slow: u16,
    /// Failure events sent in the current window.
    pub window_events: u32,
    /// Sockets of this tuple that did not fit into the set: when not 0, `used` is too low.
    pub untracked: u32,
}

/// Alert thresholds in ports.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
pub struct Thresholds {
    /// `used` at or above this is a warning.
    pub warning: u32,
    /// `used` at or above this is critical.
    pub critical: u32,
    /// `used` below this ends an alert.
    pub recovered: u32,
}

impl Thresholds {
    /// Thresholds of a tuple of `capacity` ports, from ratios in thousandths of the capacity.
    ///
    /// A tuple recovers a twentieth of its capacity (at least one port) below the warning, so
    /// that a tuple that swings around the threshold does not flood the reader. A threshold is
    /// never below one port: a tuple without connections is in no alert.
    #[inline(always)]
    #[must_use]
    pub const fn new(capacity: u32, warning_permille: u32, critical_permille: u32) -> Self {
        let warning = at_least_one(permille_of(capacity, warning_permille));
        let critical = at_least_one(permille_of(capacity, critical_permille));
        let margin = at_least_one(capacity / 20);
        let recovered = at_least_one(warning.saturating_sub(margin));
        Self {
            warning,
            critical,
            recovered,
        }
    }

    /// `used` below this ends the critical level: as far under it as a recovery is under the
    /// warning.
    #[inline(always)]
    #[must_use]
    pub const fn critical_over(&self) -> u32 {
        self.critical
            .saturating_sub(self.warning.saturating_sub(self.recovered))
    }

    /// The level that `used` ports amount to, before hysteresis.
    #[inline(always)]
    #[must_use]
    pub const fn level(&self, used: i32) -> Level {
        if used < 0 {
            return Level::Ok;
        }
        let used = used as u32;
        if used >= self.critical {
            Level::Critical
        } else if used >= self.warning {
            Level::Warning
        } else {
            Level::Ok
        }
    }
}

/// The alert level of a tuple, ordered by severity.
#[repr(u16)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Below the warning threshold.
    Ok = 0,
    /// At or above the warning threshold.
    Warning = 1,
    /// At or above the critical threshold.
    Critical = 2,
}

/// `capacity` times `permille` / 1000, rounded up.
const fn permille_of(capacity: u32, permille: u32) -> u32 {
    (capacity as u64 * permille as u64).div_ceil(1000) as u32
}

const fn at_least_one(ports: u32) -> u32 {
    if ports == 0 { 1 } else { ports }
}

#[cfg(test)]
mod tests {
    use super::{Level, Thresholds};

    #[test]
    fn thresholds_round_up_and_keep_a_margin() {
        let t = Thresholds::new(500, 500, 800);
        assert_eq!((t.warning, t.critical, t.recovered), (250, 400, 225));
        let t = Thresholds::new(3, 500, 800);
        assert_eq!((t.warning, t.critical, t.recovered), (2, 3, 1));
    }

    #[test]
    fn a_tuple_without_connections_is_never_in_alert() {
        assert_eq!(Thresholds::new(0, 0, 0).level(0), Level::Ok);
        assert_eq!(Thresholds::new(10, 500, 800).level(-1), Level::Ok);
    }

    #[test]
    fn levels_start_at_their_threshold() {
        let t = Thresholds::new(10, 500, 800);
        assert_eq!(
            [4, 5, 7, 8].map(|used| t.level(used)),
            [Level::Ok, Level::Warning, Level::Warning, Level::Critical]
        );
    }
}
