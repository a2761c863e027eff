//! How fast a tuple fills, and when it will be full.

use std::{collections::VecDeque, time::Duration};

use super::Forecast;

/// What a forecast looks back on.
const WINDOW: Duration = Duration::from_secs(10);
/// What counts as just now, for a fill that began inside the window.
const RECENT: Duration = Duration::from_secs(1);
/// Growth over less time than this is no rate.
const MIN_SPAN: Duration = Duration::from_millis(200);
/// Looks closer together than this are kept as one.
const SPACING: Duration = Duration::from_millis(500);

/// What a tuple held of late, to tell how fast it fills.
///
/// Times are those of one monotonic clock, since any fixed moment. A history keeps about
/// `WINDOW` / `SPACING` looks at most, whatever the number of calls.
#[derive(Clone, Debug, Default)]
pub struct History {
    looks: VecDeque<Look>,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    at: Duration,
    used: u32,
}

impl History {
    /// A history without a look.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that the tuple held `used` ports at `at`. A look older than the latest one is ignored:
    /// events of several CPUs don't arrive in order.
    pub fn push(&mut self, at: Duration, used: u32) {
        let mut newest = self.looks.iter().rev();
        if let Some(latest) = newest.next() {
            if at < latest.at {
                return;
            }
            if newest.next().is_some_and(|look| at - look.at < SPACING) {
                self.looks.pop_back();
            }
        }
        self.looks.push_back(Look { at, used });
        // The oldest look that is kept is the last one before the window, so that a history looked
        // at less often than the window is long still has two.
        while self.looks.get(1).is_some_and(|look| at - look.at >= WINDOW) {
            self.looks.pop_front();
        }
    }

    /// Where the tuple is heading, as of the latest look, with `headroom` ports left then.
    ///
    /// The rate is the mean over the window. A fill or a drain that began inside it would be
    /// understated: when most of the change is of the last second, or goes the other way, and it is
    /// no mere ripple (a twentieth of what the tuple can hold), the rate is that of this second.
    #[must_use]
    pub fn forecast(&self, headroom: u32) -> Forecast {
        let (Some(first), Some(last)) = (self.looks.front(), self.looks.back()) else {
            return Forecast::default();
        };
        let recent = self
            .looks
            .iter()
            .rev()
            .find(|look| last.at - look.at >= RECENT)
            .unwrap_or(first);
        let burst = growth(recent, last);
        let ripple = i64::from(last.used.saturating_add(headroom) / 20);
        let whole = growth(first, last);
        let sudden = burst.signum() != whole.signum() || burst.abs() * 2 > whole.abs();
        let since = if sudden && burst.abs() > ripple {
            recent
        } else {
            first
        };
        forecast(growth(since, last), last.at - since.at, headroom)
    }
}

/// The forecast of a tuple that was looked at only once: it took `used` ports in the `age` since
/// its first connection.
#[must_use]
pub fn since_birth(used: u32, age: Duration, headroom: u32) -> Forecast {
    forecast(i64::from(used), age, headroom)
}

fn growth(from: &Look, to: &Look) -> i64 {
    i64::from(to.used) - i64::from(from.used)
}

fn forecast(growth: i64, span: Duration, headroom: u32) -> Forecast {
    if span < MIN_SPAN {
        return Forecast::default();
    }
    // Port counts are far below 2^53.
    let rate = growth as f64 / span.as_secs_f64();
    Forecast {
        rate: Some(rate),
        seconds_to_exhaustion: (rate > 0.0).then(|| f64::from(headroom) / rate),
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Forecast, History, since_birth};

    fn history(looks: impl IntoIterator<Item = (u64, u32)>) -> History {
        let mut history = History::new();
        for (millis, used) in looks {
            history.push(Duration::from_millis(millis), used);
        }
        history
    }

    fn both(rate: f64, eta: f64) -> Forecast {
        Forecast {
            rate: Some(rate),
            seconds_to_exhaustion: Some(eta),
        }
    }

    #[test]
    fn nothing_is_told_without_two_looks() {
        assert_eq!(history([]).forecast(100), Forecast::default());
        assert_eq!(history([(0, 50)]).forecast(100), Forecast::default());
        assert_eq!(
            history([(0, 50), (100, 90)]).forecast(100),
            Forecast::default()
        );
    }

    #[test]
    fn a_steady_fill_has_its_rate() {
        let fill = history((0..=30).map(|s| (s * 1000, s as u32 * 10)));
        assert_eq!(fill.forecast(200), both(10.0, 20.0));
    }

    #[test]
    fn a_fill_that_just_began_is_not_averaged_with_the_calm_before() {
        let calm = (0..=20).map(|s| (s * 1000, 3));
        let fill = history(calm.chain([(20_500, 150), (21_000, 303)]));
        assert_eq!(fill.forecast(197), both(300.0, 197.0 / 300.0));
    }

    #[test]
    fn a_drain_that_just_began_is_no_fill_any_more() {
        let fill = (0..=10).map(|s| (s * 1000, s as u32 * 50));
        let drain = history(fill.chain([(10_500, 360), (11_000, 220)]));
        assert_eq!(drain.forecast(280).rate, Some(-280.0));
        assert_eq!(drain.forecast(280).seconds_to_exhaustion, None);
    }

    #[test]
    fn a_ripple_on_a_plateau_is_no_fill() {
        let plateau = history((0..=20).map(|s| (s * 1000, 100 + (s as u32 % 2) * 4)));
        assert_eq!(plateau.forecast(400).rate, Some(0.0));
        assert_eq!(plateau.forecast(400).seconds_to_exhaustion, None);
    }

    #[test]
    fn a_tuple_that_empties_has_no_end() {
        let drain = history((0..=10).map(|s| (s * 1000, 500 - s as u32 * 20)));
        assert_eq!(drain.forecast(200).rate, Some(-20.0));
        assert_eq!(drain.forecast(200).seconds_to_exhaustion, None);
    }

    #[test]
    fn a_full_tuple_that_still_grew_ends_now() {
        let full = history([(0, 0), (1000, 500)]);
        assert_eq!(full.forecast(0), both(500.0, 0.0));
    }

    #[test]
    fn rare_looks_still_make_a_rate() {
        let rare = history([(0, 0), (60_000, 600), (120_000, 1200)]);
        assert_eq!(rare.forecast(100), both(10.0, 10.0));
    }

    #[test]
    fn a_late_event_is_ignored() {
        let late = history([(1000, 10), (2000, 20), (1500, 400)]);
        assert_eq!(late.forecast(80), both(10.0, 8.0));
    }

    #[test]
    fn a_storm_of_looks_stays_small() {
        let storm = history((0..100_000).map(|ms| (ms, ms as u32)));
        assert!(storm.looks.len() <= 24, "{}", storm.looks.len());
        let rate = storm.forecast(1000).rate.unwrap();
        assert!((rate - 1000.0).abs() < 1.0, "{rate}");
    }

    #[test]
    fn one_look_and_a_birth_make_a_rate_once_old_enough() {
        let young = Duration::from_millis(199);
        assert_eq!(since_birth(100, young, 50), Forecast::default());
        let old = Duration::from_secs(2);
        assert_eq!(since_birth(100, old, 50), both(50.0, 1.0));
        assert_eq!(since_birth(0, old, 50).seconds_to_exhaustion, None);
    }
}
