//! Who holds the ports that connect's search passes by, and how: what is to be done differs.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{PortSet, state};

/// Which end of a connection opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// This one, by connect(2).
    Here,
    /// The other one: this socket came out of a listener.
    There,
}

/// A socket on some port.
#[derive(Clone, Copy, Debug)]
pub struct HolderRow {
    /// Local port.
    pub port: u16,
    /// TCP state, see [`state`].
    pub state: u8,
    /// True for a mini-socket, see [`SocketRow`](super::SocketRow).
    pub time_wait: bool,
    /// Who opened the connection; none for what is no connection, and where nobody can tell.
    pub opened: Option<Opened>,
    /// Inode number; 0 where no descriptor is left.
    pub inode: u32,
}

/// How a port is held. In the order of what a port is blamed on when several sockets are on it:
/// connections beside a listener or an idle socket may have got there by connect's own choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Hold {
    /// By a listener, inside the range: reserve its port.
    Listener,
    /// Bound, and neither listening nor connected.
    Idle,
    /// Bound, then connected: `IP_BIND_ADDRESS_NO_PORT` would leave the choice to connect.
    BindBeforeConnect,
    /// By a connection of a listener that is closed.
    Accepted,
    /// By TIME_WAIT of a socket that was bound: it passes by itself.
    TimeWait,
    /// No socket was seen: it went meanwhile, or nothing here could list it.
    Unknown,
}

/// Whose socket it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Owner {
    /// Of the processes that hold it, the one with the lowest id.
    Process {
        /// Process id.
        pid: u32,
        /// Command name.
        comm: String,
    },
    /// Nobody's any more: every descriptor is closed, or none was made yet.
    Nobody,
    /// Not found: hidden from us, or under way between processes.
    Unknown,
}

/// Ports that one owner holds in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// Whose.
    pub owner: Owner,
    /// How.
    pub hold: Hold,
    /// Which, ascending.
    pub ports: Vec<u16>,
}

/// The sockets to blame for blocked ports. Where connections are all that is on a port, each of them
/// is, though connect may have chosen the port for some before the other was bound to it: no flag of
/// a listed socket tells the two apart.
#[derive(Clone, Debug)]
pub struct Holders {
    blocked: PortSet,
    by_port: BTreeMap<u16, Port>,
}

#[derive(Clone, Debug)]
struct Port {
    rank: u8,
    sockets: Vec<(Hold, u32)>,
}

impl Hold {
    /// How this socket holds its port. A connection of which nobody can tell who opened it is taken
    /// for one that was bound first.
    fn of(row: &HolderRow) -> Self {
        match (row.time_wait, row.state, row.opened) {
            (true, ..) | (_, state::TIME_WAIT, _) => Self::TimeWait,
            (_, state::LISTEN, _) => Self::Listener,
            (_, state::CLOSE | state::BOUND_INACTIVE, _) => Self::Idle,
            (_, state::SYN_RECV | state::NEW_SYN_RECV, _) => Self::Accepted,
            (.., Some(Opened::There)) => Self::Accepted,
            _ => Self::BindBeforeConnect,
        }
    }

    /// Of the sockets on a port the lowest are to blame.
    fn rank(self) -> u8 {
        match self {
            Self::Listener => 0,
            Self::Idle => 1,
            Self::BindBeforeConnect | Self::Accepted => 2,
            Self::TimeWait => 3,
            Self::Unknown => 4,
        }
    }

    /// A word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::Idle => "idle",
            Self::BindBeforeConnect => "bind-before-connect",
            Self::Accepted => "accepted",
            Self::TimeWait => "time_wait",
            Self::Unknown => "unknown",
        }
    }
}

impl Holders {
    /// No socket seen yet.
    #[must_use]
    pub fn new(blocked: PortSet) -> Self {
        Self {
            blocked,
            by_port: BTreeMap::new(),
        }
    }

    /// Takes a socket in, if it is on a blocked port.
    pub fn add(&mut self, row: &HolderRow) {
        if !self.blocked.contains(row.port) {
            return;
        }
        let hold = Hold::of(row);
        let rank = hold.rank();
        let port = self.by_port.entry(row.port).or_insert_with(|| Port {
            rank,
            sockets: Vec::new(),
        });
        if rank < port.rank {
            port.rank = rank;
            port.sockets.clear();
        }
        if rank == port.rank {
            port.sockets.push((hold, row.inode));
        }
    }

    /// The blocked ports on which no socket was seen.
    #[must_use]
    pub fn unexplained(&self) -> PortSet {
        let explained = self.by_port.keys().copied().collect();
        self.blocked.clone().difference(&explained)
    }

    /// Inode numbers of the sockets to blame.
    #[must_use]
    pub fn inodes(&self) -> HashSet<u32> {
        let inodes = self.sockets().map(|(_, _, inode)| inode);
        inodes.filter(|inode| *inode != 0).collect()
    }

    /// Groups them by owner, most ports first. `owners` are those that were found, by inode number.
    #[must_use]
    pub fn blockers(&self, owners: &HashMap<u32, Owner>) -> Vec<Blocker> {
        let mut groups: HashMap<(&Owner, Hold), Vec<u16>> = HashMap::new();
        for (port, hold, inode) in self.sockets() {
            let owner = match inode {
                0 => &Owner::Nobody,
                _ => owners.get(&inode).unwrap_or(&Owner::Unknown),
            };
            let ports = groups.entry((owner, hold)).or_default();
            if ports.last() != Some(&port) {
                ports.push(port);
            }
        }
        let unexplained: Vec<u16> = self.unexplained().iter().collect();
        if !unexplained.is_empty() {
            groups.insert((&Owner::Unknown, Hold::Unknown), unexplained);
        }
        let mut blockers: Vec<Blocker> = groups
            .into_iter()
            .map(|((owner, hold), ports)| Blocker {
                owner: owner.clone(),
                hold,
                ports,
            })
            .collect();
        blockers.sort_unstable_by(|a, b| {
            let most_first = b.ports.len().cmp(&a.ports.len());
            most_first.then_with(|| (a.hold, &a.owner).cmp(&(b.hold, &b.owner)))
        });
        blockers
    }

    fn sockets(&self) -> impl Iterator<Item = (u16, Hold, u32)> {
        self.by_port.iter().flat_map(|(port, held)| {
            let sockets = held.sockets.iter();
            sockets.map(|(hold, inode)| (*port, *hold, *inode))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Hold, HolderRow, Holders, Opened, Owner, state};

    fn row(port: u16, state: u8, inode: u32) -> HolderRow {
        HolderRow {
            port,
            state,
            time_wait: false,
            opened: None,
            inode,
        }
    }

    fn holders(blocked: &[u16], rows: &[HolderRow]) -> Holders {
        let mut holders = Holders::new(blocked.iter().copied().collect());
        rows.iter().for_each(|row| holders.add(row));
        holders
    }

    /// Owner, kind and ports of every group; process n has the inodes n00 to n99.
    fn groups(holders: &Holders) -> Vec<(Owner, Hold, Vec<u16>)> {
        let owner = |inode: &u32| (*inode, process(inode / 100));
        let owners: HashMap<u32, Owner> = holders.inodes().iter().map(owner).collect();
        let blockers = holders.blockers(&owners).into_iter();
        blockers
            .map(|group| (group.owner, group.hold, group.ports))
            .collect()
    }

    fn process(pid: u32) -> Owner {
        Owner::Process {
            pid,
            comm: format!("p{pid}"),
        }
    }

    #[test]
    fn groups_by_process_and_kind_with_most_ports_first() {
        let rows = [
            row(10, state::LISTEN, 100),
            row(11, state::ESTABLISHED, 101),
            row(12, state::SYN_SENT, 102),
            row(13, state::CLOSE, 200),
            row(14, state::BOUND_INACTIVE, 201),
            row(15, state::BOUND_INACTIVE, 202),
            row(99, state::LISTEN, 300),
        ];
        assert_eq!(
            groups(&holders(&[10, 11, 12, 13, 14, 15, 16], &rows)),
            [
                (process(2), Hold::Idle, vec![13, 14, 15]),
                (process(1), Hold::BindBeforeConnect, vec![11, 12]),
                (process(1), Hold::Listener, vec![10]),
                (Owner::Unknown, Hold::Unknown, vec![16]),
            ]
        );
    }

    #[test]
    fn a_port_is_blamed_on_its_strongest_holder() {
        let accepted = HolderRow {
            opened: Some(Opened::There),
            ..row(10, state::ESTABLISHED, 100)
        };
        let time_wait = HolderRow {
            time_wait: true,
            ..row(10, state::FIN_WAIT2, 0)
        };
        let rows = [
            time_wait,
            accepted,
            row(10, state::BOUND_INACTIVE, 200),
            row(10, state::LISTEN, 300),
        ];
        let kinds = [Hold::TimeWait, Hold::Accepted, Hold::Idle, Hold::Listener];
        for (seen, kind) in kinds.iter().enumerate() {
            let forth = holders(&[10], &rows[..=seen]);
            let mut back = rows[..=seen].to_vec();
            back.reverse();
            assert_eq!(groups(&forth), groups(&holders(&[10], &back)));
            assert_eq!(groups(&forth)[0].1, *kind);
            assert_eq!(groups(&forth).len(), 1);
        }
    }

    #[test]
    fn listeners_that_share_a_port_are_all_named() {
        let rows = [row(10, state::LISTEN, 100), row(10, state::LISTEN, 200)];
        let owners: Vec<Owner> = groups(&holders(&[10], &rows))
            .into_iter()
            .map(|(owner, ..)| owner)
            .collect();
        assert_eq!(owners, [process(1), process(2)]);
    }

    #[test]
    fn what_no_process_holds_is_told_from_what_was_not_found() {
        let closed = row(10, state::LAST_ACK, 0);
        let hidden = row(11, state::BOUND_INACTIVE, 7);
        let holders = holders(&[10, 11], &[closed, hidden]);
        assert_eq!(holders.inodes().into_iter().collect::<Vec<_>>(), [7]);
        let blockers = holders.blockers(&HashMap::new());
        let owners: Vec<_> = blockers.iter().map(|group| &group.owner).collect();
        assert_eq!(owners, [&Owner::Unknown, &Owner::Nobody]);
        assert!(holders.unexplained().is_empty());
    }
}
