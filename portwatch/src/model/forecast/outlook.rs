//! From what a tuple did of late to what it will hold.

use super::{History, MIN_SPAN, REACH, history::Look};
use crate::model::{Forecast, Usage};

/// How far a rate looks back, milliseconds; and what counts as just now, for a fill that began
/// inside of that.
const RATE_MS: i64 = 10_000;
const RECENT_MS: i64 = 1_000;
/// How far a forecast looks back, milliseconds: the shortest time that reaches far enough counts,
/// so that a burst is told in time and a slow leak is told from noise. None is more than [`REACH`]
/// times the one before: of a fill that is half done, one of them lies inside of it and reaches its
/// end.
const SPANS_MS: [i64; 7] = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, LONGEST_MS];
/// From a pace kept up that long the end is told however far it is, if enough is held already.
const LONGEST_MS: i64 = 60_000;
/// Seconds that TIME_WAIT lasts.
const MINUTE: f64 = 60.0;
/// Standard deviations of a count of independent connections that are taken for chance.
const CHANCE: f64 = 3.0;

/// What a tuple does on average over a time.
struct Pace {
    /// Seconds.
    span: f64,
    /// Growth of the live connections, a second; 0 where it may be chance.
    live: f64,
    /// Connections that enter TIME_WAIT, a second.
    entries: f64,
}

impl Pace {
    /// Connections that come to stay for at least a minute, a second.
    fn inflow(&self) -> f64 {
        self.live + self.entries
    }

    /// Whether the two differ by an eighth at most.
    fn agrees(&self, other: &Self) -> bool {
        (self.inflow() - other.inflow()).abs() * 8.0 <= other.inflow()
    }
}

impl History {
    /// Where the tuple is heading, as of the latest look. `usage` is that look's.
    ///
    /// There is no time to exhaustion where the history does not support one: a pace is believed
    /// to go on for twice the time that it was seen, and beyond that only if it was seen for a
    /// minute and the live connections fill a third of what there is.
    #[must_use]
    pub fn forecast(&self, usage: &Usage) -> Forecast {
        let Some(now) = self.latest() else {
            return Forecast::default();
        };
        // Nearly always, and there are many tuples.
        if self.is_calm(now) {
            let known = self.age(now) >= MIN_SPAN.as_secs_f64();
            return Forecast {
                rate: known.then_some(0.0),
                seconds_to_exhaustion: None,
            };
        }
        Forecast {
            rate: self.rate(now, usage),
            seconds_to_exhaustion: self.exhaustion(now, usage),
        }
    }

    /// The mean growth over the window. A fill or a drain that began inside it would be
    /// understated: when most of the change is of the last second, or goes the other way, and it is
    /// no mere ripple (a twentieth of what the tuple can hold), the rate is that of this second.
    fn rate(&self, now: &Look, usage: &Usage) -> Option<f64> {
        let growth = |then: &Look| i64::from(now.used) - i64::from(then.used);
        let (first, recent) = (self.before(now, RATE_MS)?, self.before(now, RECENT_MS)?);
        let (whole, burst) = (growth(&first), growth(&recent));
        let ripple = i64::from(usage.capacity / 20);
        let sudden = burst.signum() != whole.signum() || burst.abs() * 2 > whole.abs();
        let since = if sudden && burst.abs() > ripple {
            recent
        } else {
            first
        };
        let span = now.seconds_since(&since);
        (span >= MIN_SPAN.as_secs_f64()).then(|| growth(&since) as f64 / span)
    }

    fn exhaustion(&self, now: &Look, usage: &Usage) -> Option<f64> {
        let mut paces = SPANS_MS.iter().filter_map(|span| self.pace(now, *span));
        let (pace, mut left) = paces.by_ref().find_map(|pace| {
            let headroom = f64::from(usage.headroom().sure);
            let reach = REACH * pace.span;
            let lasting = pace.span * 1000.0 >= LONGEST_MS as f64
                && f64::from(now.live()) * REACH >= headroom;
            // Most tuples are far from their end, which this tells without a look at the minute.
            if !lasting && pace.inflow() * reach < headroom {
                return None;
            }
            let left = self.crossing(now, usage, &pace)?;
            (left <= reach || lasting).then_some((pace, left))
        })?;
        if !self.goes_on(now, &pace) {
            return None;
        }
        let mut paces = paces.peekable();
        // At the foot of a sawtooth the latest time is a lull, and no pace.
        if let Some(longer) = paces.peek().filter(|it| it.inflow() > pace.inflow()) {
            left = self.crossing(now, usage, longer).unwrap_or(left);
        }
        // The more was seen of the same, the less of it is chance.
        for longer in paces.take_while(|longer| longer.agrees(&pace)) {
            left = self.crossing(now, usage, &longer)?;
        }
        Some(left)
    }

    fn pace(&self, now: &Look, millis: i64) -> Option<Pace> {
        let then = &self.before(now, millis)?;
        let span = now.seconds_since(then);
        if span < MIN_SPAN.as_secs_f64() {
            return None;
        }
        let growth = now.live_since(then) as f64;
        // Each connection's opening and closing is a step by chance, but no more of them can have
        // come and gone by chance than were there.
        let steps = (2 * now.opened_since(then) - now.live_since(then)).max(0) as f64;
        let there = f64::from(now.live()) + f64::from(then.live());
        let chance = CHANCE * steps.min(there).sqrt();
        Some(Pace {
            span,
            live: if growth.abs() > chance { growth } else { 0.0 } / span,
            entries: now.entered_since(then) as f64 / span,
        })
    }

    /// Whether the last quarter of a time brought connections at half its pace at least: a fill
    /// that has ended is none.
    fn goes_on(&self, now: &Look, pace: &Pace) -> bool {
        let Some(then) = &self.before(now, (pace.span * 250.0) as i64) else {
            return false;
        };
        let came = (now.live_since(then) + now.entered_since(then)) as f64;
        let expected = pace.inflow() * now.seconds_since(then);
        let chance = CHANCE * (now.opened_since(then).max(0) as f64).sqrt();
        came + chance >= expected / 2.0
    }

    /// Seconds until the tuple is full, at this pace.
    fn crossing(&self, now: &Look, usage: &Usage, pace: &Pace) -> Option<f64> {
        if pace.inflow() <= 0.0 {
            return None;
        }
        let capacity = f64::from(usage.capacity);
        let time_wait = f64::from(now.time_wait);
        // The same part of it as now will be in the way of new connections.
        let in_the_way = match usage.reclaimable {
            Some(ports) if now.time_wait > 0 => (1.0 - f64::from(ports) / time_wait).max(0.0),
            _ => 1.0,
        };
        let busy = |after: f64, ended: f64| {
            let entered = pace.entries * after;
            let time_wait = (time_wait + entered - ended).max(entered);
            f64::from(now.live()) + pace.live * after + in_the_way * time_wait
        };
        let (mut before, mut then) = (0.0, busy(0.0, 0.0));
        if then >= capacity {
            return Some(0.0);
        }
        for (after, ended) in self.ends(now) {
            let ports = busy(after, ended);
            if ports >= capacity {
                return Some(before + (after - before) * (capacity - then) / (ports - then));
            }
            (before, then) = (after, ports);
        }
        // From here on as many leave TIME_WAIT as enter it.
        (pace.live > 0.0).then(|| MINUTE + (capacity - then) / pace.live)
    }
}
