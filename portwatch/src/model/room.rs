use std::fmt;

use serde::{Deserialize, Serialize};

use super::{PortRange, PortSet};

/// The port search that a connect of one tuple makes: which ports it may visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// First and last port.
    pub range: PortRange,
    /// Whether one attempt visits every port. The kernel rounds the number of ports down to an even
    /// one and tries the two parities one after the other (`__inet_hash_connect`); only for a range
    /// of the socket's own it does neither, since 6.8.
    pub whole: bool,
}

/// What stands in the way of a tuple, as sets of ports.
#[derive(Clone, Debug, Default)]
pub struct Obstacles {
    /// `ip_local_reserved_ports`.
    pub reserved: PortSet,
    /// Held through bind, whatever the tuple.
    pub blocked: PortSet,
    /// Those of which nobody can tell whether they are blocked.
    pub untold: PortSet,
    /// Held by the tuple's own connections, in any state.
    pub held: PortSet,
    /// The part of `held` that connect may take back from TIME_WAIT now.
    pub reclaimable: PortSet,
}

impl Obstacles {
    /// Adds a port of the tuple's own connections.
    pub fn hold(&mut self, port: u16, reclaimable: bool) {
        self.held.insert(port);
        if reclaimable {
            self.reclaimable.insert(port);
        }
    }
}

/// How much room a tuple has: differences of sets, not of counts. A port can be both held by a
/// connection of the tuple and blocked, when a bind joined it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Reserved ports of the range.
    pub reserved: u32,
    /// Blocked ports of the range that are not reserved.
    pub blocked: u32,
    /// Ports of the range of which nobody can tell whether they are blocked.
    pub untold: u32,
    /// Ports that the tuple could use if it had no connection.
    pub capacity: u32,
    /// Ports that the tuple's connections hold, inside the range or not.
    pub used: u32,
    /// The part of `used` that connect may take back now.
    pub reclaimable: u32,
    /// How many more connections the tuple can open now.
    pub headroom: Headroom,
    /// The ports that a new connection could get.
    pub free: PortSet,
}

/// How many more connections a tuple can open: so many for sure, and so many at most. They differ by
/// one where the range has an odd number of ports and the kernel's choice decides whether the last
/// one is visited, and by ports that can't be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headroom {
    /// So many are sure.
    pub sure: u32,
    /// More are impossible.
    pub most: u32,
}

impl fmt::Display for Headroom {
    /// `6`, `6 or 7`, `6 to 9`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sure, most } = self;
        match most.saturating_sub(*sure) {
            0 => write!(f, "{sure}"),
            1 => write!(f, "{sure} or {most}"),
            _ => write!(f, "{sure} to {most}"),
        }
    }
}

impl Search {
    /// With the namespace's range.
    #[must_use]
    pub fn of(range: PortRange) -> Self {
        Self {
            range,
            whole: false,
        }
    }

    /// The ports that some attempt visits. Of three ports no attempt visits the last one: rounded
    /// down to two, there is only one offset to begin at.
    #[must_use]
    pub fn ports(&self) -> PortSet {
        let mut ports = PortSet::of_range(self.range);
        if !self.whole && self.range.len() == 3 {
            ports.remove(self.range.high);
        }
        ports
    }

    /// The ports of the range that are blocked and not reserved.
    #[must_use]
    pub fn blocked(&self, obstacles: &Obstacles) -> PortSet {
        let range = PortSet::of_range(self.range);
        let blocked = obstacles.blocked.clone().intersection(&range);
        blocked.difference(&obstacles.reserved)
    }

    /// The two ports of which one attempt visits only one; none where it visits both. An odd number
    /// is rounded down, and with it goes either the first port or the last one, by the offset that
    /// the attempt begins at.
    fn either(&self) -> Option<PortSet> {
        let PortRange { low, high } = self.range;
        let odd = self.range.len() % 2 == 1 && self.range.len() > 3;
        (odd && !self.whole).then(|| [low, high].into_iter().collect())
    }

    /// What is left for a tuple.
    #[must_use]
    pub fn room(&self, obstacles: &Obstacles) -> Room {
        let Obstacles {
            reserved,
            blocked,
            untold,
            held,
            reclaimable,
        } = obstacles;
        let range = PortSet::of_range(self.range);
        let capacity = self.ports().difference(reserved).difference(blocked);
        let busy = held.clone().difference(reclaimable);
        let free = capacity.clone().difference(&busy);
        let untold = untold.clone().difference(reserved).difference(blocked);
        let most = free.len();
        let sure = free.clone().difference(&untold);
        let unsure = self
            .either()
            .is_some_and(|either| !either.intersection(&sure).is_empty());
        Room {
            reserved: reserved.clone().intersection(&range).len(),
            blocked: self.blocked(obstacles).len(),
            untold: untold.intersection(&range).len(),
            capacity: capacity.len(),
            used: held.len(),
            reclaimable: reclaimable.clone().intersection(held).len(),
            headroom: Headroom {
                sure: sure.len() - u32::from(unsure),
                most,
            },
            free,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Headroom, Obstacles, PortRange, PortSet, Search};

    fn search(low: u16, high: u16) -> Search {
        Search::of(PortRange { low, high })
    }

    fn set(ports: &[u16]) -> PortSet {
        ports.iter().copied().collect()
    }

    fn headroom(search: Search, held: &[u16]) -> (u32, u32) {
        let obstacles = Obstacles {
            held: set(held),
            ..Obstacles::default()
        };
        let Headroom { sure, most } = search.room(&obstacles).headroom;
        (sure, most)
    }

    #[test]
    fn a_port_counts_once_however_many_things_hold_it() {
        let obstacles = Obstacles {
            reserved: set(&[10, 11, 99]),
            blocked: set(&[11, 12, 13]),
            held: set(&[13, 14, 15, 500]),
            reclaimable: set(&[15]),
            untold: PortSet::default(),
        };
        let room = search(10, 19).room(&obstacles);
        assert_eq!((room.reserved, room.blocked), (2, 2));
        assert_eq!((room.capacity, room.used, room.reclaimable), (6, 4, 1));
        assert_eq!(room.headroom, Headroom { sure: 5, most: 5 });
        assert_eq!(room.free.to_string(), "15-19");
    }

    #[test]
    fn an_odd_range_has_two_outcomes_while_one_of_its_ends_is_free() {
        assert_eq!(headroom(search(10, 16), &[]), (6, 7));
        assert_eq!(headroom(search(10, 16), &[10]), (5, 6));
        assert_eq!(headroom(search(10, 16), &[10, 16]), (5, 5));
        assert_eq!(headroom(search(10, 16), &[10, 11, 12, 13, 14, 15]), (0, 1));
        assert_eq!(headroom(search(10, 15), &[]), (6, 6));
        let whole = Search {
            whole: true,
            ..search(10, 16)
        };
        assert_eq!(headroom(whole, &[]), (7, 7));
    }

    #[test]
    fn the_smallest_odd_ranges_have_one_outcome() {
        assert_eq!(headroom(search(10, 10), &[]), (1, 1));
        assert_eq!(headroom(search(10, 12), &[]), (2, 2));
        assert_eq!(search(10, 12).ports().to_string(), "10-11");
    }

    #[test]
    fn what_is_not_sure_is_written_as_a_span() {
        let written = |sure, most| Headroom { sure, most }.to_string();
        assert_eq!(written(6, 6), "6");
        assert_eq!(written(6, 7), "6 or 7");
        assert_eq!(written(6, 9), "6 to 9");
    }

    #[test]
    fn what_cannot_be_told_is_not_promised() {
        let obstacles = Obstacles {
            untold: set(&[12, 13, 99]),
            ..Obstacles::default()
        };
        let room = search(10, 19).room(&obstacles);
        assert_eq!(room.headroom, Headroom { sure: 8, most: 10 });
        assert_eq!(room.untold, 2);
    }
}
