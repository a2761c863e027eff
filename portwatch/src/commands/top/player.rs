//! Playing a recorded session.

use std::{future, ops::Range};

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Duration, Instant, sleep_until};

use crate::{model::Item, output::tui::Playback};

/// How much slower and faster it can be played.
const SLOWEST: f64 = 0.125;
const FASTEST: f64 = 1024.0;

/// A recording and how far it has been played.
pub(super) struct Player {
    items: Vec<Item>,
    /// The first item that is still to come.
    next: usize,
    /// The recording's time at `since`.
    at: Timestamp,
    since: Instant,
    speed: f64,
    paused: bool,
}

impl Player {
    /// At its beginning, playing. Items that were written down late are put where they belong.
    pub fn new(mut items: Vec<Item>, speed: f64) -> Self {
        items.sort_by_key(Item::time);
        let at = items.first().map_or(Timestamp::UNIX_EPOCH, Item::time);
        Self {
            items,
            next: 0,
            at,
            since: Instant::now(),
            speed: speed.clamp(SLOWEST, FASTEST),
            paused: false,
        }
    }

    /// The next item, at its time; none will come while it stands still.
    pub async fn next(&mut self) -> Item {
        let Some(item) = self.items.get(self.next).filter(|_| !self.paused) else {
            return future::pending().await;
        };
        let ahead = item.time().duration_since(self.at).as_secs_f64().max(0.0);
        let ahead = Duration::try_from_secs_f64(ahead / self.speed);
        let due = ahead.ok().and_then(|ahead| self.since.checked_add(ahead));
        match due {
            Some(due) => sleep_until(due).await,
            None => return future::pending().await,
        }
        (self.at, self.since) = (item.time(), due.unwrap_or(self.since));
        self.next += 1;
        item.clone()
    }

    /// The time in the recording.
    fn position(&self) -> Timestamp {
        if self.paused || self.next >= self.items.len() {
            return self.at;
        }
        let played = self.since.elapsed().as_secs_f64() * self.speed;
        let played = SignedDuration::try_from_secs_f64(played).unwrap_or_default();
        self.at.checked_add(played).unwrap_or(self.at)
    }

    fn stand(&mut self, at: Timestamp) {
        (self.at, self.since) = (at, Instant::now());
    }

    /// Stops, or goes on.
    pub fn toggle(&mut self) {
        self.stand(self.position());
        self.paused = !self.paused;
    }

    /// Stops.
    pub fn pause(&mut self) {
        self.stand(self.position());
        self.paused = true;
    }

    /// Goes faster, or slower.
    pub fn change_speed(&mut self, faster: bool) {
        self.stand(self.position());
        let factor = if faster { 2.0 } else { 0.5 };
        self.speed = (self.speed * factor).clamp(SLOWEST, FASTEST);
    }

    /// Goes so many seconds forward or back. Returns whether everything begins anew, and which items
    /// lie before the new place.
    pub fn seek(&mut self, seconds: i32) -> (bool, Range<usize>) {
        let by = SignedDuration::from_secs(seconds.into());
        let at = self.position().checked_add(by).unwrap_or(self.at);
        let time = |item: Option<&Item>| item.map_or(self.at, Item::time);
        let (first, last) = (time(self.items.first()), time(self.items.last()));
        let at = at.clamp(first, last.max(first));
        let to = self.items.partition_point(|item| item.time() <= at);
        let anew = to < self.next;
        let range = if anew { 0..to } else { self.next..to };
        self.next = to;
        self.stand(at);
        (anew, range)
    }

    /// Some of the items.
    pub fn items(&self, range: Range<usize>) -> Vec<Item> {
        self.items.get(range).unwrap_or_default().to_vec()
    }

    /// How far it has been played.
    pub fn playback(&self) -> Playback {
        Playback {
            at: self.position(),
            end: self.items.last().map_or(self.at, Item::time),
            speed: self.speed,
            paused: self.paused || self.next >= self.items.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Duration, Instant, timeout};

    use super::{Item, Player, Timestamp};
    use crate::model::{Interval, TracerState};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn player() -> Player {
        let interval = |second| {
            Item::Interval(Interval {
                time: at(second),
                samples: Vec::new(),
                binds: Vec::new(),
                tracer: TracerState::default(),
            })
        };
        Player::new((0..=60).rev().map(interval).collect(), 2.0)
    }

    #[tokio::test]
    async fn items_come_at_their_pace() {
        let mut player = player();
        (0..5).for_each(|_| player.change_speed(true));
        let began = Instant::now();
        for second in 0..=16 {
            assert_eq!(player.next().await.time(), at(second));
        }
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(249), "{took:?}");
    }

    #[tokio::test]
    async fn it_stands_still_and_seeks() {
        let mut player = player();
        player.pause();
        let nothing = timeout(Duration::from_millis(20), player.next()).await;
        assert!(nothing.is_err() && player.playback().paused);
        assert_eq!(player.seek(10), (false, 0..11));
        let second = |player: &Player| player.playback().at.as_second() - at(0).as_second();
        assert_eq!(second(&player), 10);
        assert_eq!(player.seek(-4), (true, 0..7));
        assert_eq!(player.seek(-100), (true, 0..1));
        assert_eq!(player.seek(1000), (false, 1..61));
        assert_eq!(second(&player), 60);
        player.toggle();
        assert!(player.playback().paused, "there is nothing left to play");
        assert_eq!(player.items(0..2).len(), 2);
        assert_eq!(Player::new(Vec::new(), 1.0).seek(-1), (false, 0..0));
    }
}
