use super::TupleSample;

/// What an interval added to the counts of a tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Place of the tuple among the interval's samples.
    pub place: usize,
    /// Connection attempts, failed ones included.
    pub opened: u64,
    /// Attempts that found no free port.
    pub exhausted: u64,
    /// Attempts from a bound port that had this connection already.
    pub conflict: u64,
}

impl Growth {
    /// What stands in a sample beyond one of before, if that is of the same life of the tuple; none
    /// where nothing does.
    #[must_use]
    pub fn of(place: usize, now: &TupleSample, before: Option<&TupleSample>) -> Option<Self> {
        let before = before.filter(|before| before.first_seen == now.first_seen);
        let grown = |count: fn(&TupleSample) -> u64| {
            let before = before.map_or(0, count);
            count(now).saturating_sub(before)
        };
        let growth = Self {
            place,
            opened: grown(|sample| sample.opened),
            exhausted: grown(|sample| sample.exhausted),
            conflict: grown(|sample| sample.conflict),
        };
        let any = growth.opened > 0 || growth.exhausted > 0 || growth.conflict > 0;
        any.then_some(growth)
    }
}
