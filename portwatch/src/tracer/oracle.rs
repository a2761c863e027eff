//! The port oracle: which ports of a namespace connect's search passes by, whatever the peer.

use portwatch_common::{PORTS_A_RUN, PortState, PortsPage};

use super::{TracerError, object::Object};
use crate::model::{PortRange, PortSet};

/// The program that reads the kernel's bind table.
pub(super) const SCAN: &str = "ports_scan";
/// Ports bound inside a VRF are another L3 domain's: no connection outside of it meets them, and
/// ours are looked for in the default one.
const DEFAULT_DOMAIN: u64 = 0;
/// Looks at a page until two in a row agree.
const LOOKS: usize = 8;

/// What the oracle says of a range.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Ports that somebody holds through bind.
    pub blocked: PortSet,
    /// Ports of which it can't tell: the kernel's table is too full, or would not hold still.
    pub untold: PortSet,
}

/// Looks at every port of a range of the `struct net` at this address. The program [`SCAN`] must be
/// loaded.
///
/// # Errors
/// When the program can't run.
pub(super) fn ask(object: &mut Object, net: u64, range: PortRange) -> Result<Answer, TracerError> {
    let mut answer = Answer::default();
    let mut first = u32::from(range.low);
    while first <= u32::from(range.high) {
        let page = settled(object, net, first)?;
        let states = page
            .iter()
            .flat_map(|page| page.states.iter().take(page.count as usize));
        let mut told = 0;
        for (port, state) in (first..=u32::from(range.high)).zip(states) {
            if *state == PortState::Blocked as u8 {
                answer.blocked.insert(port as u16);
            }
            told += 1;
        }
        if told == 0 {
            answer.untold.insert(first as u16);
            told = 1;
        }
        first += told;
    }
    Ok(answer)
}

/// A page that two looks in a row agree on: no lock is held, so one look may go astray. None where
/// that does not come about.
fn settled(object: &mut Object, net: u64, first: u32) -> Result<Option<PortsPage>, TracerError> {
    let mut before: Option<PortsPage> = None;
    for _ in 0..LOOKS {
        object.run(SCAN, &[net, u64::from(first), DEFAULT_DOMAIN])?;
        let page: PortsPage = object.element("PORTS_PAGE")?;
        let whole = page.broken == 0 && page.count as usize <= PORTS_A_RUN;
        let agreed = before
            .filter(|_| whole)
            .and_then(|before| agree(before, &page));
        if agreed.is_some() {
            return Ok(agreed);
        }
        before = whole.then_some(page);
    }
    Ok(None)
}

/// As much of a page as another one confirms; none where they differ. Ports that connect takes and
/// gives back meanwhile are the same to us.
fn agree(mut page: PortsPage, other: &PortsPage) -> Option<PortsPage> {
    page.count = page.count.min(other.count);
    let blocked = |state: &u8| *state == PortState::Blocked as u8;
    let same = |(a, b): (&u8, &u8)| blocked(a) == blocked(b);
    let pairs = page.states.iter().zip(&other.states);
    pairs.take(page.count as usize).all(same).then_some(page)
}

#[cfg(test)]
mod tests {
    use portwatch_common::{PORTS_A_RUN, PortState, PortsPage};

    use super::agree;

    fn page(states: &[PortState]) -> PortsPage {
        let mut page = PortsPage {
            count: states.len() as u32,
            broken: 0,
            states: [0; PORTS_A_RUN],
        };
        for (place, state) in page.states.iter_mut().zip(states) {
            *place = *state as u8;
        }
        page
    }

    #[test]
    fn two_looks_agree_on_what_is_blocked_as_far_as_both_went() {
        use PortState::{Absent, Blocked, Connect};
        let one = page(&[Absent, Blocked, Connect]);
        let count = |other: &[PortState]| agree(one, &page(other)).map(|page| page.count);
        assert_eq!(count(&[Connect, Blocked, Absent]), Some(3));
        assert_eq!(count(&[Absent, Blocked]), Some(2));
        assert_eq!(count(&[Absent, Absent, Absent]), None);
        assert_eq!(count(&[]), Some(0));
    }
}
