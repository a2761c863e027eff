use std::time::Duration;

use crate::model::{Forecast, Usage};

/// Ports that a tuple must hold to be worth a warning: of fewer, two or three make a rate.
const LEAST: u32 = 16;
/// The part of its capacity that it must hold, as a divisor.
const PART: u32 = 4;
/// For so long the forecast must have been above twice the limit before the next warning.
const CALM: Duration = Duration::from_secs(30);

/// A forecast must have stood for this part of the time that it speaks of, as a divisor.
const STOOD: f64 = 10.0;

/// Remembers whether a tuple's time to exhaustion is known to be short, to tell it once a rise.
#[derive(Clone, Copy, Debug, Default)]
pub enum EtaWarning {
    /// It is not short.
    #[default]
    Calm,
    /// It has been short since then, and was not told yet.
    Short(Duration),
    /// It was told, and was not long for good since then.
    Told(Duration),
}

impl EtaWarning {
    /// Whether a tuple that holds this is worth a forecast at all, as far as warnings go.
    #[must_use]
    pub fn concerns(usage: &Usage) -> bool {
        let busy = usage.busy();
        busy >= LEAST && busy >= usage.capacity / PART
    }

    /// Whether nothing is told or about to be.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        matches!(self, Self::Calm)
    }

    /// Looks at a forecast of the moment `now` of a monotonic clock. True when the time to
    /// exhaustion has fallen below `limit` and that is to be told.
    pub fn look(
        &mut self,
        now: Duration,
        usage: &Usage,
        forecast: &Forecast,
        limit: Duration,
    ) -> bool {
        let limit = limit.as_secs_f64();
        let left = forecast.seconds_to_exhaustion;
        if let Self::Told(when) = *self {
            if left.is_some_and(|left| left < 2.0 * limit) {
                *self = Self::Told(now);
            } else if now.saturating_sub(when) >= CALM {
                *self = Self::Calm;
            }
            return false;
        }
        let Some(left) = left.filter(|left| *left < limit && Self::concerns(usage)) else {
            *self = Self::Calm;
            return false;
        };
        let since = match *self {
            Self::Short(since) => since,
            _ => now,
        };
        let tell = now.saturating_sub(since).as_secs_f64() * STOOD >= left;
        *self = if tell {
            Self::Told(now)
        } else {
            Self::Short(since)
        };
        tell
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, EtaWarning, Forecast};
    use crate::model::testing::usage;

    const LIMIT: Duration = Duration::from_secs(60);

    /// The seconds at which a warning is told, of the time to exhaustion second by second.
    fn told(used: u32, capacity: u32, left: impl IntoIterator<Item = Option<f64>>) -> Vec<usize> {
        let mut warning = EtaWarning::default();
        let looks = left.into_iter().enumerate();
        let told = looks.filter(|(second, left)| {
            let forecast = Forecast {
                rate: None,
                seconds_to_exhaustion: *left,
            };
            let now = Duration::from_secs(*second as u64);
            warning.look(now, &usage(used, capacity), &forecast, LIMIT)
        });
        told.map(|(second, _)| second).collect()
    }

    #[test]
    fn it_is_told_once_a_rise() {
        let rise = (0..100).map(|second| Some(99.0 - f64::from(second)));
        assert_eq!(told(250, 500, rise), [46]);
    }

    #[test]
    fn a_forecast_to_and_fro_is_one_rise() {
        let wavering = (0..200).map(|second| (second % 20 < 10).then_some(19.0));
        assert_eq!(told(250, 500, wavering), [2]);
        let wavering = (0..200).map(|second| Some(f64::from(30 + second % 80)));
        assert_eq!(told(250, 500, wavering), [4]);
    }

    #[test]
    fn after_a_calm_the_next_rise_is_told() {
        let rises = (0..200).map(|second| (second % 100 < 50).then_some(10.0));
        assert_eq!(told(250, 500, rises), [1, 101]);
    }

    #[test]
    fn a_forecast_that_does_not_stand_is_not_told() {
        let blip = (0..200).map(|second| (second % 5 < 3).then_some(50.0));
        assert!(told(250, 500, blip).is_empty());
    }

    #[test]
    fn what_is_hardly_used_is_no_news() {
        let near = || (0..10).map(|_| Some(5.0));
        assert!(told(124, 500, near()).is_empty());
        assert_eq!(told(125, 500, near()), [1]);
        assert!(told(15, 20, near()).is_empty());
        assert_eq!(told(16, 20, near()), [1]);
    }
}
