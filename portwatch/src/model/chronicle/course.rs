use std::{collections::VecDeque, time::Duration};

use jiff::{SignedDuration, Timestamp};

/// A tuple's counts at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// When, wall clock.
    pub time: Timestamp,
    /// Ports held by its connections, TIME_WAIT included.
    pub used: u32,
    /// The part of `used` in TIME_WAIT.
    pub time_wait: u32,
    /// Ports that it could use if it had no connection.
    pub capacity: u32,
    /// Connection attempts since somebody watches, failed ones included.
    pub opened: u64,
    /// Those that failed for want of a port.
    pub exhausted: u64,
}

impl Point {
    /// Live connections.
    #[must_use]
    pub fn live(&self) -> u32 {
        self.used.saturating_sub(self.time_wait)
    }

    /// Whether the counts are the same, whatever the time.
    fn same(&self, other: &Self) -> bool {
        let time = self.time;
        *self == Self { time, ..*other }
    }
}

/// What became of a tuple's counts. Of a time in which nothing changed only both ends are kept, so
/// that quiet tuples cost next to nothing.
#[derive(Clone, Debug, Default)]
pub struct Course {
    points: VecDeque<Point>,
}

impl Course {
    /// Adds what was counted last; keeps at most `limit` points.
    pub(super) fn add(&mut self, point: Point, limit: usize) {
        // A clock that was set back leaves nothing to compare with.
        if self
            .points
            .back()
            .is_some_and(|last| last.time > point.time)
        {
            self.points.clear();
        }
        let mut newest = self.points.iter().rev().take(2);
        let lasts = match (newest.next(), newest.next()) {
            (Some(last), Some(before)) => last.same(&point) && before.same(&point),
            _ => false,
        };
        if lasts {
            self.points.pop_back();
        }
        self.points.push_back(point);
        while self.points.len() > limit.max(2) {
            self.points.pop_front();
        }
    }

    /// The points, oldest first.
    pub fn points(&self) -> impl DoubleEndedIterator<Item = &Point> + ExactSizeIterator {
        self.points.iter()
    }

    /// The latest.
    #[must_use]
    pub fn last(&self) -> Option<&Point> {
        self.points.back()
    }

    /// What held at that time: the latest point that is not after it; none before the first.
    #[must_use]
    pub fn at(&self, time: Timestamp) -> Option<&Point> {
        let later = self.points.partition_point(|point| point.time <= time);
        self.points.get(later.checked_sub(1)?)
    }

    /// What held about `window` before the latest point (or at the oldest, where none is so old), that
    /// latest point, and the seconds between them; none before there are two.
    #[must_use]
    pub fn change(&self, window: Duration) -> Option<(Point, Point, f64)> {
        let last = *self.points.back()?;
        let window = SignedDuration::try_from(window).ok()?;
        let then = last.time.checked_sub(window).ok()?;
        let later = self.points.partition_point(|point| point.time <= then);
        let mut first = *self.points.get(later.saturating_sub(1))?;
        // Both ends of a quiet time say what held in between.
        if first.time < then && self.points.get(later).is_some_and(|next| next.same(&first)) {
            first.time = then;
        }
        let seconds = last.time.duration_since(first.time).as_secs_f64();
        (seconds > 0.0).then_some((first, last, seconds))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::{Course, Point};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn point(second: i64, used: u32) -> Point {
        Point {
            time: at(second),
            used,
            time_wait: 0,
            capacity: 500,
            opened: 0,
            exhausted: 0,
        }
    }

    fn course(points: &[(i64, u32)]) -> Course {
        let mut course = Course::default();
        for (second, used) in points {
            course.add(point(*second, *used), 300);
        }
        course
    }

    #[test]
    fn a_quiet_time_keeps_its_ends() {
        let course = course(&[(0, 1), (1, 1), (2, 1), (3, 1), (4, 2), (5, 1)]);
        let kept: Vec<_> = course.points().copied().collect();
        let expected = [point(0, 1), point(3, 1), point(4, 2), point(5, 1)];
        assert_eq!(kept, expected);
        assert_eq!(course.at(at(2)), Some(&point(0, 1)));
        assert_eq!(course.at(at(9)), Some(&point(5, 1)));
        assert_eq!(course.at(at(-1)), None);
    }

    #[test]
    fn changes_are_between_times_at_which_somebody_looked() {
        let window = Duration::from_secs(3);
        let of = |points: &[(i64, u32)]| {
            let course = course(points);
            let (first, last, seconds) = course.change(window)?;
            Some((last.used - first.used, seconds))
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(0, 5)]), None);
        assert_eq!(of(&[(0, 5), (1, 7)]), Some((2, 1.0)));
        assert_eq!(
            of(&[(0, 5), (1, 6), (2, 7), (3, 8), (4, 9)]),
            Some((3, 3.0))
        );
        // Looks that are further apart than the window.
        assert_eq!(of(&[(0, 5), (10, 15), (20, 45)]), Some((30, 10.0)));
        // Nothing happened for long, then something did.
        assert_eq!(of(&[(0, 5), (1, 5), (99, 5), (100, 6)]), Some((1, 3.0)));
    }

    #[test]
    fn it_has_an_end() {
        let mut course = Course::default();
        for second in 0..1000 {
            course.add(point(second, second as u32), 16);
        }
        assert_eq!(course.points().len(), 16);
        assert_eq!(course.last().map(|last| last.used), Some(999));
    }

    #[test]
    fn a_clock_set_back_begins_anew() {
        let course = course(&[(100, 1), (101, 2), (50, 3)]);
        assert_eq!(course.points().len(), 1);
        assert!(course.change(Duration::from_secs(10)).is_none());
    }
}
