use std::collections::{HashMap, HashSet};

use super::Totals;
use crate::model::{
    BindSample, Filter,
    chronicle::{Counter, Netns},
};

/// Namespaces remembered before those that are gone are forgotten.
const NAMESPACES: usize = 4096;

/// Binds that found no free port, by namespace.
#[derive(Debug, Default)]
pub(super) struct Binds(HashMap<Netns, [Counter; 3]>);

impl Binds {
    /// Counts what came since the last look; into the totals what passes the filter.
    pub fn take(&mut self, samples: &[BindSample], filter: &Filter, totals: &mut Totals) {
        for sample in samples {
            let counters = self.0.entry(Netns::of(&sample.netns)).or_default();
            let counts = [sample.tcp_bind, sample.udp_bind, sample.udp_autobind];
            let passes = filter.namespace(&sample.netns);
            let sums = [
                &mut totals.tcp_bind,
                &mut totals.udp_bind,
                &mut totals.udp_autobind,
            ];
            for ((counter, count), sum) in counters.iter_mut().zip(counts).zip(sums) {
                let before = counter.sum();
                counter.take(count, false);
                if passes {
                    *sum += counter.sum() - before;
                }
            }
        }
        // Namespaces come and go; the counts of one that is gone are in the totals.
        if self.0.len() > NAMESPACES {
            let known: HashSet<Netns> = samples.iter().map(|it| Netns::of(&it.netns)).collect();
            self.0.retain(|netns, _| known.contains(netns));
        }
    }
}
