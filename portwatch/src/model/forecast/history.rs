use std::{collections::VecDeque, time::Duration};

use super::MIN_SPAN;
use crate::model::Usage;

/// How long a port stays in TIME_WAIT, milliseconds: `TCP_TIMEWAIT_LEN`, `include/net/tcp.h`, the
/// same since 2.6. The timer wheel may add some seconds (`calc_wheel_index`, `kernel/time/timer.c`:
/// up to an eighth).
pub(super) const TIME_WAIT_MS: i64 = 60_000;
/// Looks closer together than this are kept as one, milliseconds.
const FINE_MS: i64 = 500;
/// From an age on looks are kept so far apart, both in milliseconds: by at most a quarter of the age,
/// so that what a look back of that length finds is hardly older.
const COARSE_MS: [(i64, i64); 2] = [(4_000, 1_000), (16_000, 3_000)];
/// So much later at most than it was closed is a connection counted in TIME_WAIT, milliseconds: where
/// only sweeps find it, it takes an interval of theirs.
const CLOSED_MS: i64 = 10_000;
/// Looks of a quiet tuple.
const FEW: usize = 4;
/// By when a late timer has run, milliseconds.
const LATE_MS: i64 = 4_000;

/// What a tuple held during the last minute, to tell how fast it fills and what it will give back.
///
/// Times are those of one monotonic clock, since any fixed moment. A history keeps about thirty
/// looks of 24 bytes, whatever the number of calls; of a time in which nothing changed the first and
/// the last.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Oldest first. The first one ever is preceded by a fictitious one of a minute earlier.
    looks: VecDeque<Look>,
    /// When the first look was.
    since: i64,
}

/// The counts at one moment. The totals wrap: only differences mean something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Milliseconds.
    pub at: i64,
    pub used: u32,
    pub time_wait: u32,
    /// Connections that have entered TIME_WAIT up to now.
    pub entered: u32,
    /// Connections opened up to now.
    pub opened: u32,
}

impl Look {
    /// Whether nothing changed between the two.
    fn same(&self, other: &Self) -> bool {
        let counts = |look: &Self| (look.used, look.time_wait, look.entered, look.opened);
        counts(self) == counts(other)
    }

    pub fn live(&self) -> u32 {
        self.used - self.time_wait
    }

    /// Seconds from an earlier look to this one.
    pub fn seconds_since(&self, then: &Self) -> f64 {
        (self.at - then.at) as f64 / 1000.0
    }

    pub fn live_since(&self, then: &Self) -> i64 {
        i64::from(self.live()) - i64::from(then.live())
    }

    pub fn entered_since(&self, then: &Self) -> i64 {
        i64::from(self.entered.wrapping_sub(then.entered))
    }

    /// Never negative in the long run; for a moment it is, where attempts are taken back that
    /// failed.
    pub fn opened_since(&self, then: &Self) -> i64 {
        i64::from(self.opened.wrapping_sub(then.opened).cast_signed())
    }
}

impl History {
    /// A history without a look.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes what the tuple held at `at`; `opened` is its running total of connections, without
    /// attempts that failed. A look older than the latest one is ignored: events of several CPUs
    /// don't arrive in order.
    pub fn push(&mut self, at: Duration, usage: &Usage, opened: u64) {
        let mut look = Look {
            at: i64::try_from(at.as_millis()).unwrap_or(i64::MAX),
            used: usage.used,
            time_wait: usage.time_wait.min(usage.used),
            entered: 0,
            // The low half of the total: see `Look`.
            opened: opened as u32,
        };
        let Some(latest) = self.looks.back() else {
            // Nobody saw these enter TIME_WAIT: as if evenly during the last minute.
            self.since = look.at;
            let at = look.at.saturating_sub(TIME_WAIT_MS);
            self.looks.reserve_exact(2);
            self.looks.push_back(Look { at, ..look });
            look.entered = look.time_wait;
            self.looks.push_back(look);
            return;
        };
        if look.at < latest.at {
            return;
        }
        look.entered = latest.entered.wrapping_add(self.entries(latest, &look));
        self.append(look);
    }

    /// Notes that until `at` nothing changed, as if it had been looked at all the time.
    pub fn hold(&mut self, at: Duration) {
        let Some(latest) = self.looks.back().copied() else {
            return;
        };
        let at = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
        if at > latest.at {
            self.append(Look { at, ..latest });
        }
    }

    fn append(&mut self, look: Look) {
        let Some(latest) = self.looks.back() else {
            return;
        };
        let last_but_one = self.looks.iter().rev().nth(1);
        let calm = |before: &Look| before.same(latest) && latest.same(&look);
        if last_but_one.is_some_and(|it| calm(it) || look.at - it.at < FINE_MS) {
            self.looks.pop_back();
        }
        // Most tuples are quiet, and there are many: few looks have no more room than they take.
        if self.looks.len() == self.looks.capacity() && self.looks.len() < 2 * FEW {
            self.looks.reserve_exact(2);
        }
        self.looks.push_back(look);
        self.thin(look.at);
        if self.looks.len() <= FEW && self.looks.capacity() > FEW {
            self.looks.shrink_to_fit();
        }
    }

    /// Whether further looks that find nothing changed would tell nothing new: the forecast stays as
    /// it is. Who makes none meanwhile says so afterwards, see [`History::hold`].
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.latest().is_some_and(|now| {
            now.time_wait == 0 && self.is_calm(now) && self.age(now) >= MIN_SPAN.as_secs_f64()
        })
    }

    /// Whether any connection has been in TIME_WAIT of late.
    pub fn has_waited(&self) -> bool {
        self.looks.iter().any(|look| look.time_wait > 0)
    }

    /// Connections that have been in TIME_WAIT for at least `after`, by the latest look: all but as
    /// many as were closed since. Where the history is younger, more may be told than there are.
    #[must_use]
    pub fn waiting(&self, after: Duration) -> u32 {
        let millis = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
        let Some(now) = self.latest() else { return 0 };
        let closed = self
            .before(now, millis)
            .map_or(0, |then| now.opened_since(&then) - now.live_since(&then));
        let closed = u32::try_from(closed).unwrap_or(0);
        now.time_wait.saturating_sub(closed)
    }

    /// Whether nothing changed for as long as the history reaches back.
    pub(super) fn is_calm(&self, now: &Look) -> bool {
        self.looks.len() <= FEW && self.looks.iter().all(|look| look.same(now))
    }

    /// Seconds from the first look ever.
    pub(super) fn age(&self, now: &Look) -> f64 {
        (now.at - self.since) as f64 / 1000.0
    }

    /// The latest look.
    pub(super) fn latest(&self) -> Option<&Look> {
        self.looks.back()
    }

    /// The latest look that is at least so many milliseconds older than `now`, or else the first; while
    /// nothing changed one is as good as another.
    pub(super) fn before(&self, now: &Look, millis: i64) -> Option<Look> {
        let wanted = now.at.saturating_sub(millis).max(self.since);
        let after = self.looks.partition_point(|look| look.at <= wanted);
        let look = self.looks.get(after.checked_sub(1)?)?;
        let calm = self.looks.get(after).is_some_and(|next| next.same(look));
        let at = if calm { wanted } else { look.at };
        Some(Look { at, ..*look })
    }

    /// The TIME_WAIT of the latest look that is due to end in the minute after it: seconds from
    /// then, and how many have ended by then. The times rise, the last one is the minute's end.
    pub(super) fn ends(&self, now: &Look) -> impl Iterator<Item = (f64, f64)> {
        let begin = now.at.saturating_sub(TIME_WAIT_MS);
        let gone = self.entered_at(begin);
        // What the kernel still has beyond that was there before the first look, or is late.
        let first = self.looks.front().map_or(0, |look| look.entered);
        let known = f64::from(now.entered.wrapping_sub(first)) - gone;
        let unknown = (f64::from(now.time_wait) - known).max(0.0);
        let rest = (TIME_WAIT_MS - (now.at - self.since)).max(LATE_MS) as f64 / 1000.0;
        let looks = self.looks.iter().filter(move |look| look.at > begin);
        looks.map(move |look| {
            let after = (look.at - begin) as f64 / 1000.0;
            let known = f64::from(look.entered.wrapping_sub(first)) - gone;
            (after, known + unknown * (after / rest).min(1.0))
        })
    }

    /// How many connections entered TIME_WAIT between two looks. Those that are in TIME_WAIT entered it
    /// during the last minute, and those that entered it were closed: the first says too much where
    /// a timer is late, or where the history is young; the second where connections end otherwise.
    fn entries(&self, latest: &Look, now: &Look) -> u32 {
        let first = self.looks.front().map_or(0, |look| look.entered);
        let before = f64::from(latest.entered.wrapping_sub(first));
        let gone = self.entered_at(now.at.saturating_sub(TIME_WAIT_MS));
        let by_time_wait = gone + f64::from(now.time_wait) - before;
        let base = self.before(now, CLOSED_MS).unwrap_or(*latest);
        let closed = now.opened_since(&base) - now.live_since(&base);
        let by_closes = closed - latest.entered_since(&base);
        // Saturates at both ends.
        (by_time_wait.min(by_closes as f64)).max(0.0).round() as u32
    }

    /// How many had entered TIME_WAIT by a moment, counted from the oldest look, as if evenly
    /// between two looks.
    fn entered_at(&self, at: i64) -> f64 {
        let (Some(first), Some(last)) = (self.looks.front(), self.looks.back()) else {
            return 0.0;
        };
        let after = self.looks.partition_point(|look| look.at <= at);
        let Some(from) = after.checked_sub(1).and_then(|i| self.looks.get(i)) else {
            return 0.0;
        };
        let to = self.looks.get(after).unwrap_or(last);
        let whole = f64::from(from.entered.wrapping_sub(first.entered));
        let span = to.at - from.at;
        if span == 0 {
            return whole;
        }
        let share = (at - from.at) as f64 / span as f64;
        whole + to.entered_since(from) as f64 * share
    }

    /// Drops what nobody will look back to.
    fn thin(&mut self, now: i64) {
        // One look of more than a minute ago stays: the minute begins behind it.
        let begin = now.saturating_sub(TIME_WAIT_MS);
        while self.looks.get(1).is_some_and(|look| look.at <= begin) {
            self.looks.pop_front();
        }
        for (age, apart) in COARSE_MS {
            let boundary = now.saturating_sub(age);
            let mut i = self.looks.partition_point(|look| look.at <= boundary);
            while let Some(older) = i.checked_sub(2)
                && let (Some(before), Some(look)) =
                    (self.looks.get(older), self.looks.get(older + 1))
                && before.at >= self.since
                && look.at - before.at < apart
                // The beginning of a long calm stands for all of it.
                && !self
                    .looks
                    .get(i)
                    .is_some_and(|next| next.same(look) && next.at - look.at >= apart)
            {
                self.looks.remove(older + 1);
                i -= 1;
            }
        }
    }

    /// How many looks are kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.looks.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::History;
    use crate::model::testing::usage;

    /// Connections that end at once, eight a second, of which connect takes half of the range back.
    #[test]
    fn what_was_closed_of_late_is_not_waiting_yet() {
        let mut history = History::new();
        for second in 0..30 {
            let opened = second * 8;
            let mut usage = usage(opened.min(50) as u32, 100);
            usage.time_wait = usage.used;
            history.push(Duration::from_secs(second), &usage, opened);
        }
        assert_eq!(history.waiting(Duration::from_secs(2)), 50 - 16);
        assert_eq!(history.waiting(Duration::from_secs(20)), 0);
        assert_eq!(History::new().waiting(Duration::from_secs(1)), 0);
    }

    #[test]
    fn a_calm_is_kept_by_its_ends_and_looked_into() {
        let mut history = History::new();
        for second in 0..50 {
            history.push(Duration::from_secs(second), &usage(10, 150), 10);
        }
        assert!(history.len() <= 3, "{}", history.len());
        for step in 1..=4_u32 {
            let used = 10 + 20 * step;
            let at = Duration::from_secs(49) + step * Duration::from_millis(500);
            history.push(at, &usage(used, 150), used.into());
        }
        let filling = usage(90, 150);
        // Of the last ten seconds, eight of which were calm.
        assert_eq!(history.forecast(&filling).rate, Some(8.0));
        let seconds = history.forecast(&filling).seconds_to_exhaustion;
        assert!(
            seconds.is_some_and(|left| (1.2..1.8).contains(&left)),
            "{seconds:?}"
        );
    }

    proptest! {
        /// Whoever leaves out the looks that a settled tuple needs none of knows as much.
        #[test]
        fn a_settled_history_needs_no_looks(
            steps in proptest::collection::vec((1_u64..200, -40_i32..40), 1..8),
        ) {
            let (mut looked, mut held) = (History::new(), History::new());
            let (mut second, mut used, mut opened) = (0, 100_u32, 100);
            let mut settled = false;
            for (pause, change) in steps {
                for _ in 0..pause {
                    let now = usage(used, 500);
                    let at = Duration::from_secs(second);
                    looked.push(at, &now, opened);
                    if !settled {
                        held.push(at, &now, opened);
                        settled = held.is_settled();
                    }
                    prop_assert_eq!(looked.forecast(&now), held.forecast(&now));
                    second += 1;
                }
                let changed = used.saturating_add_signed(change);
                opened += u64::from(changed.saturating_sub(used));
                if changed != used && std::mem::take(&mut settled) {
                    held.hold(Duration::from_secs(second - 1));
                }
                used = changed;
            }
        }
    }

    #[test]
    fn connections_that_stay_do_not_wait() {
        let mut history = History::new();
        for second in 0..10 {
            let mut usage = usage(40 + second as u32, 100);
            usage.time_wait = 40;
            history.push(Duration::from_secs(second), &usage, second);
        }
        assert_eq!(history.waiting(Duration::from_secs(2)), 40);
    }
}
