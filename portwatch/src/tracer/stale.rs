//! Sockets of the set that no walk met: gone, or only out of a walk's sight.
//!
//! From 5.15 to 6.16 the kernel's iterator leaves out the sockets of a whole bucket of its table, where
//! that is the first one that holds any and has the number of the bucket behind the last listener's, or
//! 0 without a listener: `tcp_seek_last_pos` (net/ipv4/tcp_ipv4.c) goes on from the listeners with an
//! offset of -1. It does so at every walk, for as long as neither changes.

use std::{collections::HashMap, net::SocketAddr};

use aya::maps::MapData;
use portwatch_common::{Phase, Tracked};

use super::{TracerError, batch, directory::address, netns::Found, sweep::READING, table::Table};
use crate::kernel::{
    netns::{Discovery, Netns},
    sock_diag::is_connected,
};

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stale {
    pub socket: u64,
    pub tracked: Tracked,
    /// Whether nothing else than a sweep takes such a one out of the set.
    pub regular: bool,
}

/// A connection as the kernel can be asked for it.
struct Addresses {
    local: SocketAddr,
    peer: SocketAddr,
    device: u32,
}

/// A connection by what a socket of the set says of it.
type Place = (u32, u16);

/// Leaves those that are gone. For each of the others the kernel knows a connection between the
/// same addresses when asked for it, and no younger socket of the set has these.
///
/// # Errors
/// When the set's map can't be read.
pub(super) fn gone(
    stale: &mut Vec<Stale>,
    sockets: &MapData,
    table: &Table,
    found: &HashMap<u64, Found>,
    ways: &Discovery,
) -> Result<(), TracerError> {
    let mut by_netns: HashMap<u64, Vec<(Stale, Addresses)>> = HashMap::new();
    for stale in stale.iter().filter(|stale| !stale.regular) {
        if let Some((netns, addresses)) = addresses(&stale.tracked, table) {
            let asked = by_netns.entry(netns).or_default();
            asked.push((*stale, addresses));
        }
    }
    let known: Vec<Stale> = by_netns
        .iter()
        .filter_map(|(netns, asked)| {
            let found = found.get(netns)?;
            Some(ask(ways.namespaces.get(&found.inum)?, asked))
        })
        .flatten()
        .collect();
    if known.is_empty() {
        return Ok(());
    }
    // The youngest socket of each of these connections.
    let place = |tracked: &Tracked| -> Place { (tracked.tuple, tracked.local_port) };
    let mut youngest: HashMap<Place, (u32, u64)> = known
        .iter()
        .map(|stale| (place(&stale.tracked), (0, 0)))
        .collect();
    batch::for_each(sockets.fd(), |socket: u64, tracked: Tracked| {
        if let Some(youngest) = youngest.get_mut(&place(&tracked)) {
            *youngest = (tracked.generation, socket).max(*youngest);
        }
    })
    .map_err(|error| TracerError::from_io(READING, &error))?;
    let is_youngest = |stale: &Stale| {
        let youngest = youngest.get(&place(&stale.tracked));
        youngest.is_some_and(|(_, socket)| *socket == stale.socket)
    };
    let alive: Vec<u64> = known
        .iter()
        .filter(|stale| is_youngest(stale))
        .map(|stale| stale.socket)
        .collect();
    log::debug!("out of the walk's sight: {alive:x?}");
    stale.retain(|stale| !alive.contains(&stale.socket));
    Ok(())
}

/// The namespace and the addresses of a connection, as far as they are known.
fn addresses(tracked: &Tracked, table: &Table) -> Option<(u64, Addresses)> {
    let key = table.entry(tracked.tuple)?.key;
    let (local, peer) = (address(key.local_bytes()), address(key.peer_bytes()));
    if tracked.phase == Phase::Connecting as u8 || local.is_unspecified() {
        return None;
    }
    let addresses = Addresses {
        local: SocketAddr::new(local, tracked.local_port),
        peer: SocketAddr::new(peer, key.peer_port),
        device: key.bound_dev,
    };
    Some((key.netns, addresses))
}

/// Those that the kernel has. Where it can't be asked, the walk has to do.
fn ask(netns: &Netns, asked: &[(Stale, Addresses)]) -> Vec<Stale> {
    let is_known = |it: &Addresses| {
        let answer = is_connected(it.local, it.peer, it.device);
        answer.unwrap_or_else(|error| {
            log::debug!("cannot ask for {} -> {}: {error}", it.local, it.peer);
            false
        })
    };
    let known = netns.run(|| {
        let known = asked.iter().filter(|(_, addresses)| is_known(addresses));
        known.map(|(stale, _)| *stale).collect()
    });
    known.unwrap_or_else(|error| {
        log::debug!("cannot ask in net:[{}]: {error}", netns.inum);
        Vec::new()
    })
}
