use std::{cmp::Ordering, collections::BinaryHeap};

use super::shown::order;
use crate::model::TupleSample;

/// The fullest tuples of many, a bounded number of them.
pub(super) struct Fullest<'a> {
    most: usize,
    /// The least full one on top.
    held: BinaryHeap<Ranked<'a>>,
}

/// A tuple that is greater than every fuller one.
struct Ranked<'a>(&'a TupleSample);

impl<'a> Fullest<'a> {
    /// Of which there are at most so many.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            held: BinaryHeap::new(),
        }
    }

    /// Takes one in, and returns the one that is not, or no longer, among them.
    pub fn offer(&mut self, sample: &'a TupleSample) -> Option<&'a TupleSample> {
        if self.held.len() < self.most {
            self.held.push(Ranked(sample));
            return None;
        }
        let last = self.held.peek_mut();
        let Some(mut last) = last.filter(|last| Ranked(sample) < **last) else {
            return Some(sample);
        };
        let Ranked(beyond) = std::mem::replace(&mut *last, Ranked(sample));
        Some(beyond)
    }

    /// All of them, the fullest first.
    pub fn in_order(self) -> Vec<&'a TupleSample> {
        let ranked = self.held.into_sorted_vec().into_iter();
        ranked.map(|Ranked(sample)| sample).collect()
    }
}

impl Ord for Ranked<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.0, other.0);
        order((&a.usage, &a.tuple), (&b.usage, &b.tuple))
    }
}

impl PartialOrd for Ranked<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked<'_> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Fullest;
    use crate::model::{TupleSample, testing::sample, worst_first};

    proptest! {
        #[test]
        fn they_are_the_first_of_all_in_order(
            used in proptest::collection::vec(1_u32..20, 0..60),
            most in 0_usize..30,
        ) {
            let mut all: Vec<TupleSample> =
                (1..).zip(used).map(|(port, used)| sample(port, used, 500)).collect();
            let mut fullest = Fullest::new(most);
            let beyond = all.iter().filter_map(|sample| fullest.offer(sample)).count();
            let kept: Vec<TupleSample> = fullest.in_order().into_iter().cloned().collect();
            prop_assert_eq!(kept.len() + beyond, all.len());
            worst_first(&mut all);
            all.truncate(most);
            prop_assert_eq!(kept, all);
        }
    }
}
