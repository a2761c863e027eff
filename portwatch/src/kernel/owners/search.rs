//! The processes that hold sockets.

use std::{
    collections::{HashMap, HashSet},
    io,
};

use super::{
    descriptors::{ProcDir, SocketDescriptor},
    probe::Probe,
};
use crate::{
    kernel::proc,
    model::{Holders, Owner, PortSet},
};

/// Sockets that are asked for their port, one by one: a few microseconds each.
const PROBES: usize = 1 << 16;

/// A search for owners, in progress.
pub(super) struct Search {
    /// The namespace of the sockets that are asked for their port.
    netns: u32,
    /// Namespaces whose processes are looked at first.
    likely: HashSet<u32>,
    holders: Holders,
    owners: HashMap<u32, Owner>,
    /// Inode numbers whose owner is missing.
    wanted: HashSet<u32>,
    /// Ports on which no socket was seen.
    unexplained: PortSet,
    /// Inode numbers that need no probe: listed by sock_diag, or asked already.
    known: HashSet<u32>,
    probes: usize,
}

impl Search {
    /// `listed` are the inode numbers of all TCP sockets that the kernel lists in the namespace.
    pub fn new(netns: u32, holders: Holders, listed: Vec<u32>) -> Self {
        let unexplained = holders.unexplained();
        let listed = (!unexplained.is_empty()).then_some(listed);
        Self {
            netns,
            likely: HashSet::from([netns]),
            owners: HashMap::new(),
            wanted: holders.inodes(),
            known: listed.into_iter().flatten().collect(),
            unexplained,
            holders,
            probes: 0,
        }
    }

    /// For the owners of these sockets alone, of the `likely` namespaces.
    pub fn of(likely: HashSet<u32>, inodes: HashSet<u32>) -> Self {
        let none = Holders::new(PortSet::default());
        Self {
            wanted: inodes,
            likely,
            ..Self::new(0, none, Vec::new())
        }
    }

    /// Goes over the processes, each at most once, until nothing is missing: of several that hold a
    /// socket the oldest counts. The sockets, some of which may have been found here, and the owners by inode number.
    ///
    /// # Errors
    /// When the processes can't be listed.
    pub fn run(mut self) -> io::Result<(Holders, HashMap<u32, Owner>)> {
        let mut elsewhere = Vec::new();
        if !self.done() {
            for pid in proc::oldest_first()? {
                match ProcDir::open(pid) {
                    Ok(process) if self.is_likely(&process) => self.visit(&process),
                    Ok(_) => elsewhere.push(pid),
                    Err(_) => {}
                }
            }
        }
        // Not held open since: there may be more of them than descriptors.
        for pid in elsewhere {
            if self.done() {
                break;
            }
            if let Ok(process) = ProcDir::open(pid) {
                self.visit(&process);
            }
        }
        Ok((self.holders, self.owners))
    }

    fn is_likely(&self, process: &ProcDir) -> bool {
        process
            .netns()
            .is_some_and(|netns| self.likely.contains(&netns))
    }

    fn done(&self) -> bool {
        self.wanted.is_empty() && (self.unexplained.is_empty() || self.probes >= PROBES)
    }

    /// Takes the sockets that are missing from a process. One that is gone, or not ours to look
    /// at, has none.
    fn visit(&mut self, process: &ProcDir) {
        if self.done() {
            return;
        }
        let mut owner = None;
        let mut probe = None;
        let _ = process.each_socket(|found| {
            if self.wanted.remove(&found.inode) || self.probed(process.pid, &mut probe, found) {
                let owner = owner.get_or_insert_with(|| name(process));
                self.owners.insert(found.inode, owner.clone());
            }
            !self.done()
        });
    }

    /// Whether a socket that the kernel did not list is on a port that nothing explains yet.
    /// `probe` is the process's: none yet, or none to be had.
    fn probed(
        &mut self,
        pid: u32,
        probe: &mut Option<Option<Probe>>,
        found: SocketDescriptor,
    ) -> bool {
        let worth = !self.unexplained.is_empty() && self.probes < PROBES;
        if !worth || !self.known.insert(found.inode) {
            return false;
        }
        let open = probe.get_or_insert_with(|| Probe::new(pid).ok());
        let Some(asked) = open else { return false };
        self.probes += 1;
        match asked.look(found, self.netns) {
            Ok(Some(row)) if self.unexplained.contains(row.port) => {
                self.holders.add(&row);
                true
            }
            Ok(_) => false,
            Err(_) => {
                *open = None;
                false
            }
        }
    }
}

fn name(process: &ProcDir) -> Owner {
    process
        .comm()
        .map_or(Owner::Unknown, |comm| Owner::Process {
            pid: process.pid,
            comm,
        })
}
