//! Keeps the number of blocked ports of each namespace current, at a price that is bounded.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{
    TracerError, clock::processor_time, exact::obstacles, namespaces::Namespaces, object::Object,
};
use crate::model::Search;

/// Time between two looks at a namespace whose tuples hold ports.
const BUSY: Duration = Duration::from_secs(1);
/// Time between two looks at one in which nobody connects.
const IDLE: Duration = Duration::from_secs(10);
/// A namespace is left alone for so many times as much time as the last look took of a processor: a
/// tenth of a percent at most. Time on the clock would say nothing of a host that is short of them.
const SHARE: u32 = 1000;
/// The same while one of its tuples is urgent.
const URGENT_SHARE: u32 = 300;
/// Time of a processor for all namespaces together in one round, a second: the others wait for the
/// next.
const TIME: Duration = Duration::from_millis(5);
/// The same in the rounds of the start, whose answers the opening event shows.
const TIME_AT_START: Duration = Duration::from_millis(50);
/// From this utilisation of its fullest tuple on, a namespace goes before those that have not come so
/// far: ports that are blocked unseen may have its warning come too late.
const URGENT: f64 = 0.1;
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
    fn due(self, busy: bool, urgent: bool) -> Instant {
        let pause = if busy { BUSY } else { IDLE };
        let share = if urgent { URGENT_SHARE } else { SHARE };
        self.ended + pause.max(self.took * share)
    }
}

impl Blocked {
    /// Looks at the namespaces that are due, the busy ones first, as far as the time goes. `busy`
    /// are those whose tuples hold ports, and the utilisation of the fullest one.
    ///
    /// # Errors
    /// When a program can't run.
    pub fn refresh(
        &mut self,
        object: &mut Object,
        namespaces: &mut Namespaces,
        busy: &HashMap<u64, f64>,
    ) -> Result<(), TracerError> {
        let found = &namespaces.found;
        self.looks.retain(|cookie, _| found.contains_key(cookie));
        let (now, began) = (Instant::now(), processor_time());
        let time = if self.rounds < START {
            TIME_AT_START
        } else {
            TIME
        };
        self.rounds = self.rounds.saturating_add(1);
        for cookie in self.due(namespaces, busy, now) {
            let before = processor_time();
            if before.saturating_sub(began) >= time {
                break;
            }
            let Some(found) = namespaces.found.get(&cookie).copied() else {
                continue;
            };
            let room = Search::of(found.range).room(&obstacles(object, &found)?);
            namespaces.set_blocked(cookie, room.blocked);
            let (ended, took) = (Instant::now(), processor_time().saturating_sub(before));
            self.looks.insert(cookie, Look { ended, took });
            log::debug!("{cookie}: {} ports blocked, {took:?}", room.blocked);
        }
        Ok(())
    }

    /// The namespaces that are due: urgent, busy, never looked at, and longest ago come first.
    fn due(&self, namespaces: &Namespaces, busy: &HashMap<u64, f64>, now: Instant) -> Vec<u64> {
        let mut due: Vec<(bool, bool, bool, Option<Instant>, u64)> = Vec::new();
        for (cookie, found) in &namespaces.found {
            let utilisation = busy.get(cookie).copied();
            let (is_busy, is_urgent) = (utilisation.is_some(), utilisation >= Some(URGENT));
            let look = self.looks.get(cookie).filter(|_| found.blocked.is_some());
            if look.is_none_or(|look| look.due(is_busy, is_urgent) <= now) {
                let known = look.map(|look| look.ended);
                due.push((!is_urgent, !is_busy, look.is_some(), known, *cookie));
            }
        }
        due.sort_unstable();
        due.into_iter().map(|(.., cookie)| cookie).collect()
    }
}
