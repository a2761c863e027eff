/// A total since somebody watches, of a count that somebody else keeps: theirs may have begun
/// before, and may begin anew.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::model) struct Counter {
    seen: u64,
    sum: u64,
}

impl Counter {
    /// From a count that began before.
    pub fn from(seen: u64) -> Self {
        Self { seen, sum: 0 }
    }

    /// Their count now. `anew`: it surely is not the one that was seen last.
    pub fn take(&mut self, count: u64, anew: bool) {
        let before = if anew || count < self.seen {
            0
        } else {
            self.seen
        };
        self.sum = self.sum.saturating_add(count - before);
        self.seen = count;
    }

    /// The total since somebody watches.
    pub fn sum(self) -> u64 {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::Counter;

    #[test]
    fn counts_from_the_first_sight_through_new_beginnings() {
        let mut counter = Counter::from(10);
        counter.take(12, false);
        assert_eq!(counter.sum(), 2);
        counter.take(5, false);
        assert_eq!(counter.sum(), 7);
        counter.take(6, true);
        assert_eq!(counter.sum(), 13);
    }
}
