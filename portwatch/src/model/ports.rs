use std::fmt;

use serde::{Deserialize, Serialize};

use super::PortRange;

const WORDS: usize = 65_536 / 64;

/// A set of ports.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<PortRange>", into = "Vec<PortRange>")]
pub struct PortSet(Box<[u64; WORDS]>);

impl Default for PortSet {
    fn default() -> Self {
        Self(Box::new([0; WORDS]))
    }
}

impl From<Vec<PortRange>> for PortSet {
    /// One pass over the ranges and one over the ports, whatever the ranges: they may be a file's.
    fn from(ranges: Vec<PortRange>) -> Self {
        let mut edges = vec![0_i64; 65_537];
        for range in ranges.iter().filter(|range| !range.is_empty()) {
            for (port, step) in [
                (usize::from(range.low), 1),
                (usize::from(range.high) + 1, -1),
            ] {
                if let Some(edge) = edges.get_mut(port) {
                    *edge += step;
                }
            }
        }
        let mut depth = 0;
        let inside = (0..=u16::MAX).zip(edges).filter(|(_, edge)| {
            depth += edge;
            depth > 0
        });
        inside.map(|(port, _)| port).collect()
    }
}

impl From<PortSet> for Vec<PortRange> {
    fn from(set: PortSet) -> Self {
        set.ranges()
    }
}

impl PortSet {
    /// The ports of a range.
    #[must_use]
    pub fn of_range(range: PortRange) -> Self {
        (range.low..=range.high).collect()
    }

    /// The ports of a bitmap of the kernel's: bit `port % 8` of byte `port / 8`. What lies behind
    /// its end is not in it.
    #[must_use]
    pub fn of_bitmap(bitmap: &[u8]) -> Self {
        let mut set = Self::default();
        let (words, _) = bitmap.as_chunks::<8>();
        for (word, bytes) in set.0.iter_mut().zip(words) {
            *word = u64::from_le_bytes(*bytes);
        }
        set
    }

    /// Adds a port.
    pub fn insert(&mut self, port: u16) {
        if let Some(word) = self.0.get_mut(usize::from(port / 64)) {
            *word |= 1 << (port % 64);
        }
    }

    /// Takes a port out.
    pub fn remove(&mut self, port: u16) {
        if let Some(word) = self.0.get_mut(usize::from(port / 64)) {
            *word &= !(1 << (port % 64));
        }
    }

    /// Takes every port out.
    pub fn clear(&mut self) {
        self.0.fill(0);
    }

    /// Whether a port is in it.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        let word = self.0.get(usize::from(port / 64)).copied().unwrap_or(0);
        word >> (port % 64) & 1 == 1
    }

    /// Number of ports.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// True for a set without a port.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The ports of either.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        for (word, other) in self.0.iter_mut().zip(other.0.iter()) {
            *word |= other;
        }
        self
    }

    /// The ports of this one that are not in the other.
    #[must_use]
    pub fn difference(mut self, other: &Self) -> Self {
        for (word, other) in self.0.iter_mut().zip(other.0.iter()) {
            *word &= !other;
        }
        self
    }

    /// The ports in both.
    #[must_use]
    pub fn intersection(mut self, other: &Self) -> Self {
        for (word, other) in self.0.iter_mut().zip(other.0.iter()) {
            *word &= other;
        }
        self
    }

    /// The ports, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        (0..=u16::MAX).filter(|port| self.contains(*port))
    }

    /// Consecutive ports, ascending, as ranges.
    #[must_use]
    pub fn ranges(&self) -> Vec<PortRange> {
        let mut ranges: Vec<PortRange> = Vec::new();
        for port in self.iter() {
            match ranges.last_mut() {
                Some(last) if last.high.checked_add(1) == Some(port) => last.high = port,
                _ => ranges.push(PortRange {
                    low: port,
                    high: port,
                }),
            }
        }
        ranges
    }
}

impl FromIterator<u16> for PortSet {
    fn from_iter<I: IntoIterator<Item = u16>>(ports: I) -> Self {
        let mut set = Self::default();
        ports.into_iter().for_each(|port| set.insert(port));
        set
    }
}

impl fmt::Display for PortSet {
    /// `30000-30012,30015`, as sysctls have it; nothing for a set without a port.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, PortRange { low, high }) in self.ranges().iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            if low == high {
                write!(f, "{low}")?;
            } else {
                write!(f, "{low}-{high}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PortSet({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::{PortRange, PortSet};

    #[test]
    fn is_written_as_ranges() {
        let set: PortSet = (30_000..=30_012).chain([30_015, 65_535, 0]).collect();
        assert_eq!(set.to_string(), "0,30000-30012,30015,65535");
        assert_eq!(PortSet::default().to_string(), "");
        let all = PortRange {
            low: 0,
            high: 65_535,
        };
        assert_eq!(PortSet::of_range(all).to_string(), "0-65535");
        assert_eq!(PortSet::of_range(all).len(), 65_536);
    }

    #[test]
    fn reads_the_kernels_bitmap() {
        let mut bitmap = [0; 8192];
        bitmap[1] = 0b1000_0001;
        bitmap[8191] = 0x80;
        assert_eq!(PortSet::of_bitmap(&bitmap).to_string(), "8,15,65535");
        assert!(PortSet::of_bitmap(&[0xff; 7]).is_empty());
    }

    proptest! {
        #[test]
        fn is_made_of_ranges_as_of_their_ports(
            ends in prop::collection::vec(any::<(u16, u16)>(), 0..6),
        ) {
            let ranges = ends.iter().map(|&(low, high)| PortRange { low, high });
            let ports: PortSet = ends.iter().flat_map(|&(low, high)| low..=high).collect();
            prop_assert_eq!(PortSet::from(ranges.collect::<Vec<_>>()), ports);
        }

        #[test]
        fn agrees_with_a_set_of_numbers(a: BTreeSet<u16>, b: BTreeSet<u16>) {
            let set = |ports: &BTreeSet<u16>| ports.iter().copied().collect::<PortSet>();
            let same = |ours: PortSet, theirs: Vec<u16>| {
                ours.len() as usize == theirs.len() && ours.iter().eq(theirs)
            };
            prop_assert!(same(set(&a).union(&set(&b)), a.union(&b).copied().collect()));
            prop_assert!(same(set(&a).difference(&set(&b)), a.difference(&b).copied().collect()));
            prop_assert!(same(
                set(&a).intersection(&set(&b)),
                a.intersection(&b).copied().collect(),
            ));
        }
    }
}
