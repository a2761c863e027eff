use std::cmp::Reverse;

use portwatch_common::Level;

use super::{Ratios, TupleSample};

/// The answer of `check`, in the order of the exit codes that monitoring systems know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckState {
    /// No tuple at or above the warning threshold.
    Ok = 0,
    /// A tuple at or above the warning threshold.
    Warning = 1,
    /// A tuple at or above the critical threshold.
    Critical = 2,
    /// Nothing could be told.
    Unknown = 3,
}

/// What the samples of one check amount to.
#[derive(Debug)]
pub struct Verdict<'a> {
    /// The worst state of any tuple.
    pub state: CheckState,
    /// Every tuple, worst first.
    pub tuples: &'a [TupleSample],
    /// How many of them, from the first on, are at or above the warning threshold.
    pub at_fault: usize,
    /// Failed attempts: ports exhausted.
    pub exhausted: u64,
    /// Failed attempts: 4-tuple of a bound port taken.
    pub conflict: u64,
    /// Sockets that the source could not take in; when not 0, the counts are too low.
    pub untracked: u64,
}

impl<'a> Verdict<'a> {
    /// Sorts the samples worst first and judges them.
    #[must_use]
    pub fn new(samples: &'a mut [TupleSample], ratios: &Ratios) -> Self {
        samples.sort_by(|a, b| {
            Reverse(ratios.level(&a.usage))
                .cmp(&Reverse(ratios.level(&b.usage)))
                .then_with(|| b.usage.utilisation().total_cmp(&a.usage.utilisation()))
                .then_with(|| b.usage.used.cmp(&a.usage.used))
                .then_with(|| a.tuple.cmp(&b.tuple))
        });
        let at_fault = samples.partition_point(|s| ratios.level(&s.usage) > Level::Ok);
        let state = match samples.first().map(|s| ratios.level(&s.usage)) {
            None | Some(Level::Ok) => CheckState::Ok,
            Some(Level::Warning) => CheckState::Warning,
            Some(Level::Critical) => CheckState::Critical,
        };
        Self {
            state,
            at_fault,
            exhausted: samples.iter().map(|s| s.exhausted).sum(),
            conflict: samples.iter().map(|s| s.conflict).sum(),
            untracked: samples.iter().map(|s| u64::from(s.untracked)).sum(),
            tuples: samples,
        }
    }

    /// The tuples at or above the warning threshold, worst first.
    #[must_use]
    pub fn faults(&self) -> &'a [TupleSample] {
        self.tuples.get(..self.at_fault).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{CheckState, Verdict};
    use crate::model::{Ratios, testing::sample};

    #[test]
    fn nothing_in_use_is_ok() {
        let mut none = [];
        let verdict = Verdict::new(&mut none, &Ratios::default());
        assert_eq!(verdict.state, CheckState::Ok);
        assert!(verdict.faults().is_empty());
    }

    #[test]
    fn the_worst_tuple_decides_and_comes_first() {
        let mut samples = [
            sample(1, 249, 500),
            sample(2, 250, 500),
            sample(3, 499, 500),
            sample(4, 400, 500),
        ];
        let verdict = Verdict::new(&mut samples, &Ratios::default());
        assert_eq!(verdict.state, CheckState::Critical);
        let ports = |s: &[_]| -> Vec<u16> {
            s.iter()
                .map(|s: &crate::model::TupleSample| s.tuple.peer_port)
                .collect()
        };
        assert_eq!(ports(verdict.faults()), [3, 4, 2]);
        assert_eq!(ports(verdict.tuples), [3, 4, 2, 1]);
    }

    #[test]
    fn thresholds_include_their_value() {
        let mut samples = [sample(1, 249, 500)];
        let state = |samples: &mut [_]| Verdict::new(samples, &Ratios::default()).state;
        assert_eq!(state(&mut samples), CheckState::Ok);
        samples[0].usage.used = 250;
        assert_eq!(state(&mut samples), CheckState::Warning);
        samples[0].usage.used = 400;
        assert_eq!(state(&mut samples), CheckState::Critical);
    }

    #[test]
    fn ports_that_may_be_reused_at_once_do_not_count() {
        let mut samples = [sample(1, 400, 500)];
        samples[0].usage.time_wait = 300;
        samples[0].usage.reclaimable = Some(200);
        let verdict = Verdict::new(&mut samples, &Ratios::default());
        assert_eq!(verdict.state, CheckState::Ok);
    }

    #[test]
    fn a_tuple_without_capacity_is_critical_once_it_is_used() {
        let mut samples = [sample(1, 1, 0)];
        let verdict = Verdict::new(&mut samples, &Ratios::default());
        assert_eq!(verdict.state, CheckState::Critical);
    }

    #[test]
    fn failures_and_untracked_sockets_are_summed() {
        let mut samples = [sample(1, 1, 500), sample(2, 1, 500)];
        samples[0].exhausted = 3;
        samples[1].exhausted = 4;
        samples[1].conflict = 2;
        samples[0].untracked = 5;
        let verdict = Verdict::new(&mut samples, &Ratios::default());
        assert_eq!(
            (verdict.exhausted, verdict.conflict, verdict.untracked),
            (7, 2, 5)
        );
    }
}
