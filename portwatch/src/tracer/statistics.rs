//! The kernel side's own counters, added up over the CPUs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aya::maps::{MapData, MapError, PerCpuArray, PerCpuValues};
use portwatch_common::Stats;
use zerocopy::{FromBytes, IntoBytes};

use super::pod::Plain;

/// Slots that are looked at beyond the highest known.
const MARGIN: u64 = 8;

/// The map `STATS`.
pub(super) struct Statistics(pub Mutex<PerCpuArray<MapData, Plain<Stats>>>);

impl Statistics {
    fn array(&self) -> MutexGuard<'_, PerCpuArray<MapData, Plain<Stats>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets every counter to zero but the highest slot, which slots in use depend on. A slot that
    /// is taken at this moment is within the margin of a look.
    ///
    /// # Errors
    /// When the map refuses.
    pub fn reset(&self) -> Result<(), MapError> {
        let mut array = self.array();
        let values = array.get(&0, 0)?;
        let kept: Vec<_> = values
            .iter()
            .map(|Plain(stats)| {
                Plain(Stats {
                    tuple_high_water: stats.tuple_high_water,
                    ..Stats::default()
                })
            })
            .collect();
        let kept = PerCpuValues::try_from(kept).map_err(MapError::IoError)?;
        array.set(0, kept, 0)
    }

    /// The sums; for `tuple_high_water` the maximum and a margin. Zeros when the map can't be read.
    pub fn read(&self) -> Stats {
        let Ok(values) = self.array().get(&0, 0) else {
            return Stats::default();
        };
        let mut sums = [0_u64; size_of::<Stats>() / size_of::<u64>()];
        let mut high_water = 0;
        for Plain(stats) in values.iter() {
            high_water = high_water.max(stats.tuple_high_water);
            for (sum, word) in sums.iter_mut().zip(stats.as_bytes().chunks_exact(8)) {
                *sum = sum.wrapping_add(u64::read_from_bytes(word).unwrap_or(0));
            }
        }
        let mut stats: Stats = zerocopy::transmute!(sums);
        // An interrupt that takes a slot while one is being taken can hide the higher of the two.
        stats.tuple_high_water = high_water + MARGIN;
        stats
    }
}
