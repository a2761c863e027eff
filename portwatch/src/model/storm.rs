//! Accounting for every failure while printing some.

use std::{collections::HashMap, hash::Hash};

/// Gaps up to this are left open for a while: two CPUs that fail at once may deliver their events
/// in either order.
const REORDER: u64 = 16;

/// Accounts for every failure exactly once, while only some of them have an event.
///
/// The kernel side counts each failure and gives each event the count so far (`total`), but it
/// limits the rate of events, and a full ring buffer drops some. A line that is printed stands for
/// 1 + `suppressed` failures; over all lines that is the kernel's total, neither more nor less.
///
/// `K` names what is counted: a tuple and a cause.
#[derive(Clone, Debug)]
pub struct Storm<K> {
    accounts: HashMap<K, Account>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// Failures that the printed lines stand for; never above `total`.
    printed: u64,
    /// Greatest total heard of.
    total: u64,
    /// What the counters said at the last look.
    looked: u64,
}

impl Account {
    /// Prints one line for everything up to `total`; what it says beyond itself.
    fn settle(&mut self, total: u64) -> Option<u64> {
        let owed = total.checked_sub(self.printed).filter(|&owed| owed > 0)?;
        self.printed = total;
        Some(owed - 1)
    }
}

impl<K: Eq + Hash + Clone> Storm<K> {
    /// Nothing counted and nothing printed.
    #[must_use]
    pub fn new() -> Self {
        Self {
            accounts: HashMap::new(),
        }
    }

    /// An event says that `total` failures have happened, itself included. Some(suppressed): print
    /// it, it stands for that many more. None: an earlier line stands for it already.
    pub fn event(&mut self, key: K, total: u64) -> Option<u64> {
        let account = self.accounts.entry(key).or_default();
        account.total = account.total.max(total);
        let owed = account.total - account.printed;
        if owed > REORDER {
            return account.settle(account.total);
        }
        // The gap before this event may be filled by events still to come; if not, a look will.
        (owed > 0).then(|| {
            account.printed += 1;
            0
        })
    }

    /// A look at the counters, once an interval. Returns what was owed already at the previous
    /// look and has not been printed since: the end of a storm whose last failures had no event.
    /// Each entry asks for one line, which stands for 1 + `suppressed` failures.
    ///
    /// A failure counted since the previous look is left alone: its event may be on its way.
    pub fn residue(&mut self, totals: impl IntoIterator<Item = (K, u64)>) -> Vec<(K, u64)> {
        self.look(totals, false)
    }

    /// The last look, when no event is to come any more: everything still owed.
    pub fn settle(&mut self, totals: impl IntoIterator<Item = (K, u64)>) -> Vec<(K, u64)> {
        self.look(totals, true)
    }

    /// Keeps the accounts of these keys only. For tuples that are gone: when one comes back under
    /// the same key, the kernel side counts from 0 again.
    pub fn retain(&mut self, mut keep: impl FnMut(&K) -> bool) {
        self.accounts.retain(|key, _| keep(key));
    }

    fn look(&mut self, totals: impl IntoIterator<Item = (K, u64)>, at_once: bool) -> Vec<(K, u64)> {
        let mut lines = Vec::new();
        // Most tuples never fail: they get no account.
        for (key, total) in totals.into_iter().filter(|&(_, total)| total > 0) {
            let account = self.accounts.entry(key.clone()).or_default();
            account.total = account.total.max(total);
            let due = if at_once {
                account.total
            } else {
                account.looked
            };
            if let Some(suppressed) = account.settle(due) {
                lines.push((key, suppressed));
            }
            account.looked = account.total;
        }
        lines
    }
}

impl<K: Eq + Hash + Clone> Default for Storm<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Storm;

    #[test]
    fn events_without_gaps_stand_for_themselves() {
        let mut storm = Storm::new();
        for total in 1..=20 {
            assert_eq!(storm.event("a", total), Some(0));
        }
        assert_eq!(storm.event("b", 1), Some(0), "keys don't mix");
        assert_eq!(storm.settle([("a", 20), ("b", 1)]), []);
    }

    #[test]
    fn two_events_in_the_wrong_order_are_both_printed() {
        let mut storm = Storm::new();
        assert_eq!(storm.event("a", 2), Some(0));
        assert_eq!(storm.event("a", 1), Some(0));
        assert_eq!(storm.settle([("a", 2)]), []);
    }

    #[test]
    fn a_rate_limited_storm_tells_what_it_left_out() {
        let mut storm = Storm::new();
        for total in 1..=10 {
            assert_eq!(storm.event("a", total), Some(0));
        }
        assert_eq!(storm.event("a", 348), Some(337));
        assert_eq!(storm.event("a", 347), None, "the line before stands for it");
        assert_eq!(storm.event("a", 349), Some(0));
    }

    #[test]
    fn the_end_of_a_storm_is_told_at_the_second_look() {
        let mut storm = Storm::new();
        assert_eq!(storm.event("a", 1), Some(0));
        assert_eq!(storm.residue([("a", 40)]), [], "events may be on their way");
        assert_eq!(storm.residue([("a", 40)]), [("a", 38)]);
        assert_eq!(storm.residue([("a", 40)]), []);
    }

    #[test]
    fn a_key_that_comes_back_counts_from_zero() {
        let mut storm = Storm::new();
        assert_eq!(storm.event("a", 1), Some(0));
        storm.retain(|_| false);
        assert_eq!(storm.event("a", 1), Some(0));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Event { key: u8, total: u64 },
        Look,
    }

    /// What may happen to two keys: some failures have an event, in any order, with looks between.
    fn steps() -> impl Strategy<Value = (Vec<u64>, Vec<Step>)> {
        let totals = prop::collection::vec(0_u64..300, 2);
        totals.prop_flat_map(|totals| {
            let events: Vec<Step> = (0..2_u8)
                .flat_map(|key| {
                    let total = totals[usize::from(key)];
                    (1..=total).map(move |total| Step::Event { key, total })
                })
                .collect();
            let count = events.len();
            let shuffled = prop::sample::subsequence(events, 0..=count).prop_shuffle();
            (
                Just(totals),
                shuffled,
                prop::collection::vec(0..=count, 0..5),
            )
                .prop_map(|(totals, mut steps, looks)| {
                    for at in looks {
                        steps.insert(at.min(steps.len()), Step::Look);
                    }
                    (totals, steps)
                })
        })
    }

    proptest! {
        #[test]
        fn printed_and_suppressed_add_up_to_the_total((totals, steps) in steps()) {
            let mut storm = Storm::new();
            let mut sums = [0_u64; 2];
            let counters = || (0..2_u8).map(|key| (key, totals[usize::from(key)]));
            for step in steps {
                match step {
                    Step::Event { key, total } => {
                        if let Some(suppressed) = storm.event(key, total) {
                            sums[usize::from(key)] += 1 + suppressed;
                        }
                    }
                    Step::Look => {
                        for (key, suppressed) in storm.residue(counters()) {
                            sums[usize::from(key)] += 1 + suppressed;
                        }
                    }
                }
                prop_assert!(sums[0] <= totals[0] && sums[1] <= totals[1]);
            }
            for (key, suppressed) in storm.settle(counters()) {
                sums[usize::from(key)] += 1 + suppressed;
            }
            prop_assert_eq!(sums.as_slice(), totals.as_slice());
        }
    }
}
