use std::{
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crate::cli::Speed;

/// Makes things happen again as far apart as they did, or a number of times faster.
#[derive(Debug)]
pub(super) struct Pace {
    speed: Option<Speed>,
    /// When this began, and at what time of the recording.
    began: Option<(Instant, Timestamp)>,
}

impl Pace {
    /// None is as fast as possible.
    pub fn new(speed: Option<Speed>) -> Self {
        Self { speed, began: None }
    }

    /// Waits until it is this time.
    pub fn wait(&mut self, time: Timestamp) {
        let Some(speed) = self.speed else {
            return;
        };
        let (began, first) = *self.began.get_or_insert((Instant::now(), time));
        thread::sleep(due(first, time, speed).saturating_sub(began.elapsed()));
    }
}

/// How long after the first time. A clock that was set back is no reason to wait.
fn due(first: Timestamp, time: Timestamp, speed: Speed) -> Duration {
    let apart = time.duration_since(first).as_secs_f64() / speed.times();
    Duration::try_from_secs_f64(apart).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Duration, Timestamp, due};

    #[test]
    fn faster_is_sooner() {
        let time = |seconds| Timestamp::from_second(seconds).unwrap();
        let due = |first, at, speed: &str| due(time(first), time(at), speed.parse().unwrap());
        assert_eq!(due(100, 130, "10"), Duration::from_secs(3));
        assert_eq!(due(100, 130, "0.5"), Duration::from_secs(60));
        assert_eq!(due(100, 90, "10"), Duration::ZERO);
    }
}
