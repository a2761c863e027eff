//! What the cookies in the kernel's records stand for.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, Ipv6Addr},
    sync::{PoisonError, RwLock},
    time::Duration,
};

use portwatch_common::TupleKey;

use crate::model::{Namespace, NetnsId, Tuple};

/// The namespaces known.
#[derive(Default)]
pub(super) struct Directory(RwLock<Contents>);

#[derive(Default)]
struct Contents {
    /// By cookie.
    known: foldhash::HashMap<u64, Known>,
    /// Rises with every change.
    version: u64,
}

struct Known {
    namespace: Namespace,
    /// The version that it changed with last.
    version: u64,
}

impl Directory {
    /// Replaces what is known.
    pub fn replace(&self, namespaces: HashMap<u64, Namespace>) {
        let mut contents = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Contents { known, version } = &mut *contents;
        known.retain(|cookie, _| namespaces.contains_key(cookie));
        let next = *version + 1;
        for (cookie, namespace) in namespaces {
            if known.get(&cookie).map(|known| &known.namespace) == Some(&namespace) {
                continue;
            }
            *version = next;
            let version = next;
            known.insert(cookie, Known { namespace, version });
        }
    }

    /// The cookies of the namespaces that came to be known or changed after a version, and the
    /// present version. The first one is 0.
    pub fn changed_since(&self, version: u64) -> (HashSet<u64>, u64) {
        let contents = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if contents.version == version {
            return (HashSet::new(), version);
        }
        let changed = contents.known.iter();
        let changed = changed.filter(|(_, known)| known.version > version);
        (
            changed.map(|(cookie, _)| *cookie).collect(),
            contents.version,
        )
    }

    /// A copy of what is known, in the order of names and numbers.
    pub fn namespaces(&self) -> Vec<Namespace> {
        let mut all: Vec<_> = self.read(|known| {
            let known = known.values();
            known.map(|known| known.namespace.clone()).collect()
        });
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// A namespace; none where it is not known.
    pub fn namespace(&self, cookie: u64) -> Option<Namespace> {
        self.read(|known| Some(known.get(&cookie)?.namespace.clone()))
    }

    /// Capacity of every tuple of a namespace; 0 for one that is not known.
    pub fn capacity(&self, cookie: u64) -> u32 {
        self.read(|known| known.get(&cookie).map_or(0, |it| it.namespace.capacity()))
    }

    /// The tuple of a key; `inum` stands in for a namespace that is not known yet.
    pub fn tuple(&self, key: &TupleKey, inum: u32) -> Tuple {
        let netns = self.read(|known| Some(known.get(&key.netns)?.namespace.id.clone()));
        let local = address(key.local_bytes());
        Tuple {
            netns: netns.unwrap_or(NetnsId {
                name: None,
                inum,
                cookie: key.netns,
            }),
            bound_dev: key.bound_dev,
            local_ip: (!local.is_unspecified()).then_some(local),
            peer_ip: address(key.peer_bytes()),
            peer_port: key.peer_port,
        }
    }

    /// How long a connection of the tuple has been in TIME_WAIT before connect may take its port
    /// back; none where it never may, or that is not known.
    pub fn reuse_after(&self, key: &TupleKey) -> Option<Duration> {
        let ends = [address(key.local_bytes()), address(key.peer_bytes())];
        self.read(|known| {
            let namespace = &known.get(&key.netns)?.namespace;
            namespace.reuse_after(key.bound_dev, ends)
        })
    }

    fn read<T>(&self, look: impl FnOnce(&foldhash::HashMap<u64, Known>) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner).known)
    }
}

/// An address of a key, IPv4 where it is one.
pub(super) fn address(bytes: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(bytes).to_canonical()
}
