use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use portwatch_common::Level;

use crate::{
    commands::lookups::Lookups,
    model::{Cause, Chronicle, EventKind, Item, Ratios, Story, Tuple},
};

/// A tuple is not looked at closely again before this time is over.
const AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// Time between two close looks at any: one takes a second where there are very many sockets.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// How long after its last failure a tuple is worth a look.
const LATELY: SignedDuration = SignedDuration::from_secs(60);
/// Time between two looks at who opened the connections.
const NAMES: SignedDuration = SignedDuration::from_secs(30);

/// Has looked up, while it happens, what nobody can find out afterwards: why a tuple runs out of
/// ports, and who has the connections.
pub(super) struct Lookout {
    lookups: Lookups,
    attention: Attention,
    named: Option<Timestamp>,
}

/// Which tuple to look at.
struct Attention {
    chronicle: Chronicle,
    ratios: Ratios,
    /// When a tuple was looked at, as long as that matters.
    looked: HashMap<Tuple, Timestamp>,
    last: Option<Timestamp>,
}

impl Lookout {
    /// Nothing seen yet.
    pub fn new(lookups: Lookups, ratios: Ratios) -> Self {
        Self {
            lookups,
            attention: Attention::new(ratios),
            named: None,
        }
    }

    /// Sees what happens.
    pub fn see(&mut self, item: &Item) {
        let now = item.time();
        if let Some(tuple) = self.attention.wants(item)
            && self.lookups.report(&tuple, &self.attention.chronicle)
        {
            self.attention.looked_at(tuple, now);
        }
        if matches!(item, Item::Interval(_))
            && is_over(self.named, NAMES, now)
            && self.lookups.openers()
        {
            self.named = Some(now);
        }
    }
}

impl Attention {
    fn new(ratios: Ratios) -> Self {
        Self {
            chronicle: Chronicle::new(),
            ratios,
            looked: HashMap::new(),
            last: None,
        }
    }

    /// The tuple that is worth a close look now.
    fn wants(&mut self, item: &Item) -> Option<Tuple> {
        self.chronicle.take(item);
        let now = item.time();
        if !is_over(self.last, PAUSE, now) {
            return None;
        }
        match item {
            // At once, for it may be over soon.
            Item::Event(event) => match &event.kind {
                EventKind::Failure(failure) if failure.cause == Cause::Exhausted => {
                    self.may(&failure.tuple, now).then(|| failure.tuple.clone())
                }
                _ => None,
            },
            Item::Interval(_) => self.worst(now).cloned(),
            Item::Openers(_) | Item::Report(_) => None,
        }
    }

    fn looked_at(&mut self, tuple: Tuple, now: Timestamp) {
        self.looked
            .retain(|_, looked| !is_over(Some(*looked), AGAIN, now));
        self.looked.insert(tuple, now);
        self.last = Some(now);
    }

    /// Of the tuples that fail or are in alert, those that fail first, then the fullest.
    fn worst(&self, now: Timestamp) -> Option<&Tuple> {
        let failing = |story: &Story| {
            story.failing_since().is_some() && !is_over(story.failed_last(), LATELY, now)
        };
        let alerted = |story: &Story| {
            story.sample().is_some_and(|sample| {
                sample.usage.used > 0 && self.ratios.level(&sample.usage) != Level::Ok
            })
        };
        let full = |story: &Story| {
            story
                .sample()
                .map_or(0.0, |sample| sample.usage.utilisation())
        };
        let stories = self
            .chronicle
            .stories()
            .filter(|story| failing(story) || alerted(story))
            .filter(|story| self.may(story.tuple(), now));
        let worst = stories.max_by(|a, b| {
            let by_failures = failing(a).cmp(&failing(b));
            by_failures.then_with(|| full(a).total_cmp(&full(b)))
        });
        worst.map(Story::tuple)
    }

    fn may(&self, tuple: &Tuple, now: Timestamp) -> bool {
        tuple.local_ip.is_some() && is_over(self.looked.get(tuple).copied(), AGAIN, now)
    }
}

/// Whether so much time went by; never was long ago. A clock that was set back makes it so, too.
fn is_over(since: Option<Timestamp>, time: SignedDuration, now: Timestamp) -> bool {
    since.is_none_or(|since| {
        let passed = now.duration_since(since);
        passed >= time || passed.is_negative()
    })
}

#[cfg(test)]
mod tests {
    use super::{Attention, EventKind, Item, Ratios, SignedDuration, Timestamp, Tuple};
    use crate::model::{
        Event, Interval, TracerState, TupleSample,
        testing::{failure, sample},
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    fn interval(second: i64, samples: &[TupleSample]) -> Item {
        Item::Interval(Interval {
            time: at(second),
            samples: samples.to_vec(),
            binds: Vec::new(),
            tracer: TracerState::default(),
        })
    }

    /// Of 127.0.0.1:8080.
    fn failed(second: i64) -> Item {
        Item::Event(Event {
            time: at(second),
            kind: EventKind::Failure(failure()),
        })
    }

    /// The port of the tuple that is looked at.
    fn looks(attention: &mut Attention, item: &Item) -> Option<u16> {
        let tuple: Tuple = attention.wants(item)?;
        let port = tuple.peer_port;
        attention.looked_at(tuple, item.time());
        Some(port)
    }

    #[test]
    fn a_failure_is_looked_at_as_it_happens() {
        let mut attention = Attention::new(Ratios::default());
        assert_eq!(looks(&mut attention, &failed(1)), Some(8080));
        assert_eq!(looks(&mut attention, &failed(2)), None);
        assert_eq!(looks(&mut attention, &failed(40)), Some(8080));
    }

    #[test]
    fn the_fullest_one_in_alert_is_looked_at_first() {
        let mut attention = Attention::new(Ratios::default());
        let samples = [
            sample(80, 249, 500),
            sample(443, 300, 500),
            sample(444, 400, 500),
        ];
        let mut looks = |second| looks(&mut attention, &interval(second, &samples));
        assert_eq!(looks(1), Some(444));
        assert_eq!(looks(2), None, "not so soon");
        assert_eq!(looks(6), Some(443));
        assert_eq!(looks(11), None, "80 is not in alert");
        assert_eq!(looks(31), Some(444));
    }

    #[test]
    fn what_was_missed_at_once_is_made_up_for() {
        let mut attention = Attention::new(Ratios::default());
        let samples = [sample(443, 450, 500), sample(8080, 1, 500)];
        assert_eq!(attention.wants(&failed(1)).unwrap().peer_port, 8080);
        // It was busy with another one.
        assert_eq!(looks(&mut attention, &interval(2, &samples)), Some(8080));
        assert_eq!(looks(&mut attention, &interval(7, &samples)), Some(443));
    }

    #[test]
    fn failures_of_long_ago_are_no_reason() {
        let mut attention = Attention::new(Ratios::default());
        let quiet = [sample(8080, 1, 500)];
        assert!(attention.wants(&failed(1)).is_some());
        assert_eq!(looks(&mut attention, &interval(70, &quiet)), None);
    }
}
