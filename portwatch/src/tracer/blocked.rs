//! Keeps the number of blocked ports of each namespace current, at a price that is bounded.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use super::{TracerError, exact::obstacles, namespaces::Namespaces, object::Object};
use crate::model::Search;

/// Time between two looks at a namespace whose tuples hold ports.
const BUSY: Duration = Duration::from_secs(1);
/// Time between two looks at one in which nobody connects.
const IDLE: Duration = Duration::from_secs(10);
/// A namespace is left alone for so many times as long as the last look took: a third of a percent
/// of a processor at most.
const SHARE: u32 = 300;
/// Time for all namespaces together in one round, a second: the others wait for the next.
const TIME: Duration = Duration::from_millis(5);
/// The same in the rounds of the start, whose answers the opening event shows.
const TIME_AT_START: Duration = Duration::from_millis(100);
/// Rounds of the start: before everything else, and when the sockets are known.
const START: u32 = 2;

/// When each namespace was looked at, by cookie.
#[derive(Default)]
pub(super) struct Blocked {
    looks: HashMap<u64, Look>,
    rounds: u32,
}

#[derive(Clone, Copy)]
struct Look {
    ended: Instant,
    took: Duration,
}

impl Look {
    fn due(self, busy: bool) -> Instant {
        let pause = if busy { BUSY } else { IDLE };
        self.ended + pause.max(self.took * SHARE)
    }
}

impl Blocked {
    /// Looks at the namespaces that are due, the busy ones first, as far as the time goes. `busy`
    /// are those whose tuples hold ports.
    ///
    /// # Errors
    /// When a program can't run.
    pub fn refresh(
        &mut self,
        object: &mut Object,
        namespaces: &mut Namespaces,
        busy: &HashSet<u64>,
    ) -> Result<(), TracerError> {
        let found = &namespaces.found;
        self.looks.retain(|cookie, _| found.contains_key(cookie));
        let began = Instant::now();
        let time = if self.rounds < START {
            TIME_AT_START
        } else {
            TIME
        };
        self.rounds = self.rounds.saturating_add(1);
        for cookie in self.due(namespaces, busy, began) {
            if began.elapsed() >= time {
                break;
            }
            let Some(found) = namespaces.found.get(&cookie).copied() else {
                continue;
            };
            let look = Instant::now();
            let room = Search::of(found.range).room(&obstacles(object, &found)?);
            namespaces.set_blocked(cookie, room.blocked);
            let (ended, took) = (Instant::now(), look.elapsed());
            self.looks.insert(cookie, Look { ended, took });
            log::debug!("{cookie}: {} ports blocked, {took:?}", room.blocked);
        }
        Ok(())
    }

    /// The namespaces that are due: never looked at, busy, and longest ago come first.
    fn due(&self, namespaces: &Namespaces, busy: &HashSet<u64>, now: Instant) -> Vec<u64> {
        let mut due: Vec<(bool, bool, Option<Instant>, u64)> = Vec::new();
        for (cookie, found) in &namespaces.found {
            let is_busy = busy.contains(cookie);
            let look = self.looks.get(cookie).filter(|_| found.blocked.is_some());
            if look.is_none_or(|look| look.due(is_busy) <= now) {
                let known = look.map(|look| look.ended);
                due.push((!is_busy, look.is_some(), known, *cookie));
            }
        }
        due.sort_unstable();
        due.into_iter().map(|(_, _, _, cookie)| cookie).collect()
    }
}
