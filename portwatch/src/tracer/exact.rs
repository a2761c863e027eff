//! A census by the ports themselves: what is blocked, and how much room the fullest tuples have.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use portwatch_common::PortRow;

use super::{
    TracerError,
    netns::{Found, reserved_ports},
    object::Object,
    oracle::ask,
};
use crate::model::{Namespace, Obstacles, Search, TupleSample};

/// Tuples whose room is told by their ports, fullest first: it takes some ten microseconds each.
/// That of the others is told by counts, which is never too much.
const TUPLES: usize = 1000;
/// Time for the oracle: on a host of hundreds of namespaces it can't be asked about all of them.
const TIME: Duration = Duration::from_secs(1);
/// The same while there are only namespaces left in which nobody connects.
const TIME_IF_IDLE: Duration = Duration::from_millis(100);

/// The ports that walks told of, by tuple.
pub(super) struct PortRows(Vec<PortRow>);

impl PortRows {
    /// Of rows in any order.
    pub fn new(mut rows: Vec<PortRow>) -> Self {
        rows.sort_unstable_by_key(|row| row.tuple);
        Self(rows)
    }

    /// The ports of a tuple, by its number in the census.
    pub fn of(&self, index: u32) -> &[PortRow] {
        let from = self.0.partition_point(|row| row.tuple < index);
        let rest = self.0.get(from..).unwrap_or_default();
        let count = rest.partition_point(|row| row.tuple == index);
        rest.get(..count).unwrap_or_default()
    }

    /// How many ports of a tuple connect may take back from TIME_WAIT now.
    pub fn reclaimable(&self, index: u32) -> u32 {
        let flags = self.of(index).iter().map(|row| u32::from(row.reclaimable));
        flags.sum()
    }
}

/// A tuple and its number in the census.
pub(super) type Numbered = (TupleSample, u32);

/// Asks the oracle about the namespaces, those of the fullest tuples first, and completes namespaces
/// and tuples with what it says. Returns the namespaces with tuples that there was no time for.
///
/// # Errors
/// When a program can't run.
pub(super) fn complete(
    object: &mut Object,
    found: &HashMap<u64, Found>,
    namespaces: &mut [Namespace],
    tuples: &mut [Numbered],
    ports: &PortRows,
) -> Result<usize, TracerError> {
    tuples.sort_by(|(a, _), (b, _)| {
        let order = b.usage.utilisation().total_cmp(&a.usage.utilisation());
        order.then(b.usage.used.cmp(&a.usage.used))
    });
    let mut rank: HashMap<u64, usize> = HashMap::new();
    for (place, (sample, _)) in tuples.iter().enumerate() {
        rank.entry(sample.tuple.netns.cookie).or_insert(place);
    }
    let rank = |namespace: &Namespace| rank.get(&namespace.id.cookie).copied();
    let mut wanted: Vec<&mut Namespace> = namespaces.iter_mut().collect();
    wanted.sort_by_key(|namespace| rank(namespace).unwrap_or(usize::MAX));
    let (began, mut missed, mut left) = (Instant::now(), 0, TUPLES);
    for namespace in wanted {
        let Some(found) = found.get(&namespace.id.cookie) else {
            continue;
        };
        let in_use = rank(namespace).is_some();
        if began.elapsed() > if in_use { TIME } else { TIME_IF_IDLE } {
            missed += usize::from(in_use);
            continue;
        }
        let obstacles = obstacles(object, found)?;
        let search = Search::of(found.range);
        namespace.blocked = Some(search.room(&obstacles).blocked);
        left = price(tuples, namespace, &search, &obstacles, ports, left);
    }
    Ok(missed)
}

/// What is in every tuple's way.
pub(super) fn obstacles(object: &mut Object, found: &Found) -> Result<Obstacles, TracerError> {
    let answer = ask(object, found.net, found.range)?;
    Ok(Obstacles {
        reserved: reserved_ports(object, found.net)?,
        blocked: answer.blocked,
        untold: answer.untold,
        ..Obstacles::default()
    })
}

/// Completes the tuples of a namespace; `left` is how many may be told by their ports.
fn price(
    tuples: &mut [Numbered],
    namespace: &Namespace,
    search: &Search,
    obstacles: &Obstacles,
    ports: &PortRows,
    mut left: usize,
) -> usize {
    let own = |sample: &TupleSample| sample.tuple.netns.cookie == namespace.id.cookie;
    // Those bound to a device have connections of others in their way.
    let unbound: Vec<Numbered> = if tuples
        .iter()
        .any(|(it, _)| own(it) && it.tuple.bound_dev != 0)
    {
        let bound_to_none = |(it, _): &&Numbered| own(it) && it.tuple.bound_dev == 0;
        tuples.iter().filter(bound_to_none).cloned().collect()
    } else {
        Vec::new()
    };
    for (sample, index) in tuples.iter_mut().filter(|(sample, _)| own(sample)) {
        sample.usage.capacity = namespace.capacity();
        if left == 0 {
            continue;
        }
        left -= 1;
        let mut obstacles = obstacles.clone();
        let mut add = |index: u32| {
            for row in ports.of(index) {
                obstacles.hold(row.port, row.reclaimable != 0);
            }
        };
        add(*index);
        let tuple = &sample.tuple;
        if tuple.bound_dev != 0 {
            let beside = unbound.iter().filter(|(other, _)| {
                let other = &other.tuple;
                (other.local_ip, other.peer_ip, other.peer_port)
                    == (tuple.local_ip, tuple.peer_ip, tuple.peer_port)
            });
            beside.for_each(|(_, index)| add(*index));
        }
        let room = search.room(&obstacles);
        sample.usage.capacity = room.capacity;
        sample.usage.room = Some(room.headroom);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::{PortRow, PortRows};

    #[test]
    fn ports_are_found_by_the_number_of_their_tuple() {
        let row = |tuple, port, reclaimable| PortRow {
            tuple,
            port,
            reclaimable,
        };
        let ports = PortRows::new(vec![row(2, 7, 1), row(0, 5, 0), row(2, 6, 0), row(2, 8, 1)]);
        let numbers = |tuple| {
            ports
                .of(tuple)
                .iter()
                .map(|row| row.port)
                .collect::<Vec<_>>()
        };
        assert_eq!(numbers(0), [5]);
        assert!(numbers(1).is_empty());
        assert_eq!(numbers(2).len(), 3);
        assert_eq!(ports.reclaimable(2), 2);
        assert_eq!(ports.reclaimable(9), 0);
    }
}
