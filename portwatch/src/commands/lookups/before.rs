use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use anyhow::{Context, Result};

use crate::{
    kernel::{
        netns::{Discovery, Netns},
        owners,
        sock_diag::{self, Which},
    },
    model::{Connection, Owner, Tuple},
};

/// A connection, as the kernel's list and the tracer's set both have it.
type End = (u32, IpAddr, u16, IpAddr, u16);

/// Who holds the connections that were there before the tracer: looked for once, for it means a
/// look at every descriptor of every process.
#[derive(Default)]
pub(in crate::commands) struct Before {
    asked: HashSet<(u32, End)>,
    holders: HashMap<(u32, End), u32>,
}

impl Before {
    /// Fills in the openers that the tracer did not see, as far as somebody still holds the
    /// connection.
    ///
    /// # Errors
    /// When namespaces or processes can't be listed.
    pub fn complete(&mut self, tuples: &mut [(Tuple, Vec<Connection>)]) -> Result<()> {
        self.ask(tuples)?;
        for (tuple, connections) in tuples {
            let inum = tuple.netns.inum;
            for connection in connections.iter_mut().filter(|it| it.is_unseen()) {
                let end = end(tuple, connection.port);
                connection.opener = self.holders.get(&(inum, end)).copied();
            }
        }
        Ok(())
    }

    /// Looks for those that have not been looked for.
    fn ask(&mut self, tuples: &[(Tuple, Vec<Connection>)]) -> Result<()> {
        let mut wanted: HashMap<u32, HashSet<End>> = HashMap::new();
        let mut all = HashSet::new();
        for (tuple, connections) in tuples {
            let inum = tuple.netns.inum;
            for connection in connections.iter().filter(|it| it.is_unseen()) {
                let end = end(tuple, connection.port);
                all.insert((inum, end));
                if !self.asked.contains(&(inum, end)) {
                    wanted.entry(inum).or_default().insert(end);
                }
            }
        }
        self.holders.retain(|key, _| all.contains(key));
        self.asked = all;
        if wanted.is_empty() {
            return Ok(());
        }
        let found = Discovery::new().context("cannot look for network namespaces")?;
        let mut sockets = Vec::new();
        for (inum, ends) in &wanted {
            if let Some(netns) = found.namespaces.get(inum) {
                let listed = list(netns, ends)?.into_iter();
                sockets.extend(listed.map(|(end, inode)| ((*inum, end), inode)));
            }
        }
        let inodes = sockets.iter().map(|(_, inode)| *inode).collect();
        let owners = owners::processes(wanted.into_keys().collect(), inodes)
            .context("cannot look at the processes")?;
        let held = sockets.into_iter().filter_map(|(key, inode)| {
            let Owner::Process { pid, .. } = owners.get(&inode)? else {
                return None;
            };
            Some((key, *pid))
        });
        self.holders.extend(held);
        Ok(())
    }
}

/// The inode numbers of these connections; those that nobody holds are left out.
fn list(netns: &Netns, wanted: &HashSet<End>) -> Result<Vec<(End, u32)>> {
    let listed = netns.run(|| {
        sock_diag::fold(Which::Connections, Vec::new, |sockets, socket| {
            let end = (
                socket.bound_dev,
                socket.local_ip,
                socket.local_port,
                socket.peer_ip,
                socket.peer_port,
            );
            if socket.inode != 0 && wanted.contains(&end) {
                sockets.push((end, socket.inode));
            }
        })
    });
    listed.context("cannot enter the network namespace")?
}

fn end(tuple: &Tuple, port: u16) -> End {
    let none = IpAddr::from([0, 0, 0, 0]);
    (
        tuple.bound_dev,
        tuple.local_ip.unwrap_or(none),
        port,
        tuple.peer_ip,
        tuple.peer_port,
    )
}
