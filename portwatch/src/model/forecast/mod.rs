//! How fast a tuple fills, and when it will be full.
//!
//! Three things move what a tuple holds. The live connections, whose trend is the one of late. The
//! connections that enter TIME_WAIT, at the rate of late. And those that leave it: each a minute
//! after it entered, so that the coming minute's are known. A churn of a constant rate therefore
//! converges to a minute's worth of it, and is no exhaustion where that fits.

mod history;
mod outlook;
#[cfg(test)]
mod simulator;
#[cfg(test)]
mod tests;
mod warning;

use std::time::Duration;

use super::{Forecast, Usage};

pub use history::History;
pub use warning::EtaWarning;

/// Growth over less time than this is no rate.
const MIN_SPAN: Duration = Duration::from_millis(200);
/// What was seen for a time may go on for so many times that time, and nothing is said of later.
const REACH: f64 = 2.0;

/// The forecast of a tuple that was looked at only once: it took its ports in the `age` since its
/// first connection.
#[must_use]
pub fn since_birth(usage: &Usage, age: Duration) -> Forecast {
    if age < MIN_SPAN {
        return Forecast::default();
    }
    let rate = f64::from(usage.used) / age.as_secs_f64();
    let left = f64::from(usage.headroom()) / rate;
    Forecast {
        rate: Some(rate),
        seconds_to_exhaustion: (rate > 0.0 && left <= REACH * age.as_secs_f64()).then_some(left),
    }
}
