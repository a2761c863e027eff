//! Which remedies fit which culprit, best first.

use super::{Advice, Culprit, Facts, remedy};

pub(super) fn advice(facts: &Facts, culprit: Culprit) -> Vec<Advice> {
    let remedies = match culprit {
        Culprit::Leak => vec![
            Some(remedy::close(facts)),
            Some(remedy::keepalive(facts)),
            remedy::widen(facts),
        ],
        Culprit::Churn => {
            let by_bind = facts.waits_bound();
            vec![
                by_bind.then(|| remedy::bind_later(facts)),
                Some(remedy::keep_open(facts)),
                remedy::reuse_time_wait(facts),
                remedy::widen(facts),
                (!by_bind).then(|| remedy::more_addresses(facts)),
            ]
        }
        Culprit::Thief => {
            let mut remedies = remedy::give_back(facts);
            remedies.push(remedy::widen(facts));
            remedies
        }
        Culprit::NarrowRange => vec![
            remedy::widen(facts),
            Some(remedy::more_addresses(facts)),
            Some(remedy::share(facts)),
        ],
        Culprit::TooFewPeers => vec![
            Some(remedy::more_addresses(facts)),
            Some(remedy::share(facts)),
            remedy::widen(facts),
        ],
        Culprit::NotHere => vec![Some(remedy::look_at_snat(facts))],
    };
    remedies.into_iter().flatten().collect()
}
