//! A wider port range, and what it would clash with.

use super::{
    Facts,
    number::{list, merged},
};
use crate::model::PortRange;

/// The lowest port that no privilege is needed for (`PROT_SOCK`, `include/net/sock.h`).
const LOWEST: u16 = 1024;

/// What a wider range would be and bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Widening {
    pub range: PortRange,
    /// Ports that connections can use then and can't now.
    pub gain: u32,
    /// Listeners in the way, which have to be reserved first.
    pub clashes: Vec<PortRange>,
    /// `ip_local_reserved_ports` with them; none where nothing has to be reserved.
    pub reserved: Option<String>,
}

/// The range to advise: the widest one, or where that can't be had the widest without a clash.
pub(super) fn best(facts: &Facts) -> Option<Widening> {
    widest(facts).or_else(|| without_clash(facts))
}

/// Ports outside of the range that need no privilege.
pub(super) fn at_most(facts: &Facts) -> u32 {
    let outside = (LOWEST..=u16::MAX).filter(|port| !facts.range.contains(*port));
    u32::try_from(outside.count()).unwrap_or(u32::MAX)
}

/// The widest range. None where the listeners are not known, or nothing is to be gained.
pub(super) fn widest(facts: &Facts) -> Option<Widening> {
    let all = PortRange {
        low: LOWEST.min(facts.range.low),
        high: u16::MAX,
    };
    widening(facts, all)
}

/// The widest range around the present one that no listener is in.
pub(super) fn without_clash(facts: &Facts) -> Option<Widening> {
    let range = facts.range;
    let listeners = facts.listeners.as_ref()?;
    let below = listeners.iter().filter(|port| **port < range.low).max();
    let above = listeners.iter().filter(|port| **port > range.high).min();
    let lowest = LOWEST.min(range.low);
    let mut wider = PortRange {
        low: below.map_or(lowest, |port| lowest.max(port + 1)),
        high: above.map_or(u16::MAX, |port| port - 1),
    };
    // Of an odd number of ports the search leaves out one: `remaining &= ~1U` in
    // `__inet_hash_connect`, net/ipv4/inet_hashtables.c, 5.10 to 7.3.
    if !wider.len().is_multiple_of(2) {
        if wider.low < range.low {
            wider.low += 1;
        } else if wider.high > range.high {
            wider.high -= 1;
        }
    }
    widening(facts, wider)
}

fn widening(facts: &Facts, wider: PortRange) -> Option<Widening> {
    let listeners = facts.listeners.as_ref()?;
    let reserved = facts.reserved.as_deref();
    let is_reserved =
        |port: u16| reserved.is_some_and(|list| list.iter().any(|range| range.contains(port)));
    let gained = |port: &u16| wider.contains(*port) && !facts.range.contains(*port);
    let mut clashes: Vec<u16> = listeners.iter().copied().filter(gained).collect();
    clashes.retain(|port| !is_reserved(*port));
    clashes.sort_unstable();
    clashes.dedup();
    let fresh = (wider.low..=wider.high).filter(|port| gained(port) && !is_reserved(*port));
    let fresh = u32::try_from(fresh.count()).unwrap_or(u32::MAX);
    let gain = fresh.saturating_sub(u32::try_from(clashes.len()).unwrap_or(u32::MAX));
    if gain == 0 {
        return None;
    }
    let clashes = merged(
        clashes
            .iter()
            .map(|port| PortRange {
                low: *port,
                high: *port,
            })
            .collect(),
    );
    let reserved = if clashes.is_empty() {
        None
    } else {
        // Writing the list replaces it: what is in it must be known.
        Some(list(&merged([reserved?, &clashes].concat())))
    };
    Some(Widening {
        range: wider,
        gain,
        clashes,
        reserved,
    })
}

#[cfg(test)]
mod tests {
    use super::{PortRange, widest, without_clash};
    use crate::model::explanation::fixture::facts;

    fn port(port: u16) -> PortRange {
        PortRange {
            low: port,
            high: port,
        }
    }

    #[test]
    fn a_wider_range_keeps_what_is_reserved() {
        let mut taken = facts(28_000, 0);
        taken.listeners = Some(vec![9090, 8080, 9090, 61_005, 40_000]);
        taken.reserved = Some(vec![port(8080), port(500)]);
        let wider = widest(&taken).unwrap();
        assert_eq!(wider.clashes, [port(9090), port(61_005)]);
        assert_eq!(wider.reserved.as_deref(), Some("500,8080,9090,61005"));
        assert_eq!(wider.gain, 64_512 - 28_232 - 3);
        let clean = without_clash(&taken).unwrap();
        assert_eq!((clean.range.low, clean.range.high), (9_091, 61_004));
        assert_eq!(clean.gain, 61_004 - 9_091 + 1 - 28_232);
        assert!(clean.clashes.is_empty() && clean.reserved.is_none());
    }
}
