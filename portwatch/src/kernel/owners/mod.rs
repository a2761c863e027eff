//! Who holds the blocked ports of a network namespace: its sockets by sock_diag, their processes by
//! `/proc`.

mod descriptors;
mod probe;
mod search;

use std::{
    collections::{HashMap, HashSet},
    io,
};

use anyhow::{Context, Result};

use super::{
    netns::Netns,
    sock_diag::{self, Socket, Which},
};
use crate::model::{Blocker, HolderRow, Holders, Owner, PortSet};
use search::Search;

/// Names who holds these ports, most ports first.
///
/// Processes of the namespace are looked at first, the others only while owners are missing: a
/// socket can be passed on. Kernels before 6.8 don't list bound sockets that neither listen nor
/// connect; those are asked for their port one by one (`pidfd_getfd`, 5.6 and later), up to a
/// bound. What is not found then is told as unknown. There, a connection on the port of an idle
/// socket is taken for the one to blame.
///
/// # Errors
/// When the namespace can't be entered, its sockets can't be listed, or `/proc` can't be read.
/// Processes that are hidden from us are no error.
pub fn blockers(netns: &Netns, blocked: &PortSet) -> Result<Vec<Blocker>> {
    holders_of(netns, blocked, |_| true)
}

/// Names who holds these ports by sockets that are `wanted`, most ports first.
///
/// # Errors
/// As [`blockers`].
pub fn holders_of(
    netns: &Netns,
    ports: &PortSet,
    wanted: impl Fn(&Socket) -> bool + Send,
) -> Result<Vec<Blocker>> {
    if ports.is_empty() {
        return Ok(Vec::new());
    }
    let (holders, listed) = netns
        .run(|| holders(ports, wanted))
        .context("cannot enter the network namespace (CAP_SYS_ADMIN is needed)")??;
    let search = Search::new(netns.inum, holders, listed);
    let (holders, owners) = search.run().context("cannot look at the processes")?;
    Ok(holders.blockers(&owners))
}

/// The wanted sockets of the calling thread's namespace on these ports, and the inode numbers of all.
fn holders(ports: &PortSet, wanted: impl Fn(&Socket) -> bool) -> Result<(Holders, Vec<u32>)> {
    sock_diag::fold(
        Which::Holders,
        || (Holders::new(ports.clone()), Vec::new()),
        |(holders, listed), socket| {
            if wanted(&socket) {
                holders.add(&row(&socket));
            }
            listed.push(socket.inode);
        },
    )
}

fn row(socket: &Socket) -> HolderRow {
    HolderRow {
        port: socket.local_port,
        state: socket.state,
        time_wait: socket.time_wait,
        opened: socket.opened,
        inode: socket.inode,
    }
}

/// The processes that hold these sockets of some network namespaces, by inode number: the kernel
/// numbers the sockets of all namespaces together (`sock_alloc`, net/socket.c).
///
/// # Errors
/// When the processes can't be listed.
pub fn processes(netns: HashSet<u32>, inodes: HashSet<u32>) -> io::Result<HashMap<u32, Owner>> {
    let (_, owners) = Search::of(netns, inodes).run()?;
    Ok(owners)
}
