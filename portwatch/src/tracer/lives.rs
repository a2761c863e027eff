//! What is known of every tuple that has a slot, and the latest sample of each.

use std::{sync::Arc, time::Duration};

use portwatch_common::TupleEntry;

use super::{memory::Memory, sample::usage};
use crate::model::{Growth, TupleSample};

/// A tuple's life in a slot, by the time it began: slots are used again.
pub(super) type Life = (u32, u64);

/// Every tuple's. One that has been quiet for a minute is settled: nothing is done for it while its
/// counts stay what they are, which is what most tuples of a large host do.
#[derive(Default)]
pub(super) struct Lives {
    /// By slot.
    known: Vec<Option<Known>>,
    samples: Arc<Vec<TupleSample>>,
    /// The slot of each sample.
    slots: Vec<u32>,
    /// What the present look found to have grown, by slot: places may still change.
    growths: Vec<(u32, Growth)>,
    /// When all were looked at last.
    looked: Duration,
    /// Of lives whose slot is gone, until the next question.
    nobody: Memory,
}

struct Known {
    created_ns: u64,
    memory: Memory,
    /// Where its sample is; none before the first look.
    place: Option<usize>,
    settled: bool,
}

impl Lives {
    /// Whether it has been met and its slot is still its own.
    pub fn has(&self, life: Life) -> bool {
        self.get(life).is_some()
    }

    /// What is remembered of it, if it has been met.
    pub fn get(&self, life: Life) -> Option<&Memory> {
        self.known(life).map(|known| &known.memory)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, life: Life) -> Option<&mut Memory> {
        let looked = self.looked;
        let known = self.known.get_mut(life.0 as usize)?.as_mut();
        let known = known.filter(|known| known.created_ns == life.1)?;
        known.wake(looked);
        Some(&mut known.memory)
    }

    /// What is remembered of it; a life that began at 0 is that of a slot which has been given away,
    /// and has no past.
    pub fn memory(&mut self, (slot, created_ns): Life) -> &mut Memory {
        if created_ns == 0 {
            self.nobody = Memory::default();
            return &mut self.nobody;
        }
        let index = slot as usize;
        if index >= self.known.len() {
            self.known.resize_with(index + 1, || None);
        }
        let Some(place) = self.known.get_mut(index) else {
            return &mut self.nobody;
        };
        let looked = self.looked;
        let known = place.get_or_insert_with(|| Known::new(created_ns));
        if known.created_ns != created_ns {
            // Its sample is replaced at the next look.
            *known = Known {
                place: known.place,
                ..Known::new(created_ns)
            };
        }
        known.wake(looked);
        &mut known.memory
    }

    /// Whether it is settled, and its counts are those of its sample.
    pub fn rests(&self, life: Life, entry: &TupleEntry) -> bool {
        let known = self.known(life).filter(|known| known.settled);
        let sample = known.and_then(|known| self.samples.get(known.place?));
        sample.is_some_and(|sample| same(sample, entry))
    }

    /// Takes the sample of a life that was looked at.
    pub fn put(&mut self, (slot, _): Life, sample: TupleSample, now: Duration) {
        let Some(Some(known)) = self.known.get_mut(slot as usize) else {
            return;
        };
        known.settled = known.memory.is_settled(now);
        let samples = Arc::make_mut(&mut self.samples);
        let place = *known.place.get_or_insert(samples.len());
        let growth = Growth::of(place, &sample, samples.get(place));
        self.growths.extend(growth.map(|growth| (slot, growth)));
        match samples.get_mut(place) {
            Some(before) => *before = sample,
            None => {
                samples.push(sample);
                self.slots.push(slot);
            }
        }
    }

    /// Forgets what had a slot.
    pub fn end(&mut self, slot: u32) {
        let known = self.known.get_mut(slot as usize).and_then(Option::take);
        let Some(place) = known.and_then(|known| known.place) else {
            return;
        };
        let samples = Arc::make_mut(&mut self.samples);
        if place >= samples.len() {
            return;
        }
        samples.swap_remove(place);
        self.slots.swap_remove(place);
        if let Some(moved) = self.slots.get(place)
            && let Some(Some(moved)) = self.known.get_mut(*moved as usize)
        {
            moved.place = Some(place);
        }
    }

    /// Has everything looked at anew.
    pub fn wake_all(&mut self) {
        let looked = self.looked;
        let all = self.known.iter_mut().flatten();
        all.for_each(|known| known.wake(looked));
    }

    /// All have been looked at: the samples, in no order, and what they grew by since the look before.
    pub fn looked(&mut self, now: Duration) -> (Arc<Vec<TupleSample>>, Vec<Growth>) {
        self.looked = now;
        let growths = std::mem::take(&mut self.growths).into_iter();
        let placed = growths.filter_map(|(slot, growth)| {
            let place = self.known.get(slot as usize)?.as_ref()?.place?;
            Some(Growth { place, ..growth })
        });
        (Arc::clone(&self.samples), placed.collect())
    }

    fn known(&self, (slot, created_ns): Life) -> Option<&Known> {
        let known = self.known.get(slot as usize)?.as_ref();
        known.filter(|known| known.created_ns == created_ns)
    }
}

impl Known {
    fn new(created_ns: u64) -> Self {
        Self {
            created_ns,
            memory: Memory::default(),
            place: None,
            settled: false,
        }
    }

    /// Nobody looked closely while it was settled: all was as before, up to the last look.
    fn wake(&mut self, looked: Duration) {
        if std::mem::replace(&mut self.settled, false) {
            self.memory.hold(looked);
        }
    }
}

/// Whether a sample says what it would be made of this entry, but for what is remembered.
fn same(sample: &TupleSample, entry: &TupleEntry) -> bool {
    let now = usage(entry.used, entry.time_wait, entry.capacity);
    let then = &sample.usage;
    let slowest = sample.slowest_search.unwrap_or_default();
    (then.used, then.time_wait, then.capacity) == (now.used, now.time_wait, now.capacity)
        && sample.opened == entry.opened
        && sample.exhausted == entry.exhausted
        && sample.conflict == entry.conflict
        && sample.untracked == entry.untracked
        && slowest.as_nanos() == u128::from(entry.search_max_ns)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use portwatch_common::TupleEntry;
    use zerocopy::FromZeros as _;

    use super::{Life, Lives};
    use crate::{
        model::{Growth, testing},
        tracer::sample::usage,
    };

    fn entry(life: Life, used: i32, opened: u64) -> TupleEntry {
        TupleEntry {
            created_ns: life.1,
            used,
            opened,
            capacity: 500,
            ..TupleEntry::new_zeroed()
        }
    }

    /// Looks as the tally does; true where there was something to do.
    fn look(lives: &mut Lives, life: Life, entry: &TupleEntry, second: u64) -> bool {
        if lives.rests(life, entry) {
            return false;
        }
        let now = Duration::from_secs(second);
        let usage = usage(entry.used, entry.time_wait, entry.capacity);
        let memory = lives.memory(life);
        memory.note(now, &usage, Some(entry), None);
        let mut sample = testing::sample(life.0 as u16, usage.used, entry.capacity);
        sample.opened = entry.opened;
        sample.first_seen = Some(Duration::from_nanos(life.1));
        lives.put(life, sample, now);
        true
    }

    #[test]
    fn a_quiet_one_settles_and_wakes() {
        let (mut lives, life) = (Lives::default(), (3, 7));
        let quiet = entry(life, 10, 10);
        let mut busy_seconds = 0;
        for second in 0..300 {
            busy_seconds += u32::from(look(&mut lives, life, &quiet, second));
            lives.looked(Duration::from_secs(second));
        }
        assert!(busy_seconds < 5, "{busy_seconds}");
        assert!(look(&mut lives, life, &entry(life, 12, 12), 300));
        // What changed came in the last second.
        let history = lives.get(life).unwrap();
        let usage = usage(12, 0, 500);
        assert_eq!(history.forecast(&usage).rate, Some(0.2));
        let (samples, growths) = lives.looked(Duration::from_secs(300));
        assert_eq!((samples.len(), samples[0].usage.used), (1, 12));
        assert_eq!(growths.iter().map(|it| it.opened).sum::<u64>(), 2);
        // Its slot may be another's.
        assert!(!lives.rests((3, 8), &quiet) && !lives.has((3, 8)));
    }

    #[test]
    fn growth_is_told_of_the_place_where_the_sample_ends_up() {
        let mut lives = Lives::default();
        for slot in 0..4 {
            look(&mut lives, (slot, 1), &entry((slot, 1), 1, 1), 1);
        }
        assert_eq!(lives.looked(Duration::from_secs(1)).1.len(), 4);
        look(&mut lives, (3, 1), &entry((3, 1), 5, 6), 2);
        lives.end(0);
        // Another tuple has the slot now.
        look(&mut lives, (1, 2), &entry((1, 2), 2, 2), 2);
        let (samples, growths) = lives.looked(Duration::from_secs(2));
        let told = |growth: &Growth| (samples[growth.place].tuple.peer_port, growth.opened);
        let told: Vec<_> = growths.iter().map(told).collect();
        assert_eq!((samples.len(), told), (3, vec![(3, 5), (1, 2)]));
        assert!(lives.has((1, 2)) && !lives.has((1, 1)) && !lives.has((0, 1)));
    }

    #[test]
    fn who_keeps_the_samples_has_them_as_they_were() {
        let mut lives = Lives::default();
        look(&mut lives, (0, 1), &entry((0, 1), 1, 1), 1);
        let (kept, _) = lives.looked(Duration::from_secs(1));
        look(&mut lives, (0, 1), &entry((0, 1), 2, 2), 2);
        let (now, _) = lives.looked(Duration::from_secs(2));
        assert_eq!((kept[0].usage.used, now[0].usage.used), (1, 2));
    }
}
