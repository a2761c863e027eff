//! What the cookies in the kernel's records stand for.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{PoisonError, RwLock},
    time::Duration,
};

use portwatch_common::TupleKey;

use crate::model::{Namespace, NetnsId, Tuple};

/// The namespaces known, by cookie.
#[derive(Default)]
pub(super) struct Directory(RwLock<foldhash::HashMap<u64, Namespace>>);

impl Directory {
    /// Replaces what is known.
    pub fn replace(&self, namespaces: HashMap<u64, Namespace>) {
        let namespaces = namespaces.into_iter().collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = namespaces;
    }

    /// A copy of what is known, in the order of names and numbers.
    pub fn namespaces(&self) -> Vec<Namespace> {
        let mut all: Vec<_> = self.read(|known| known.values().cloned().collect());
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// A namespace; none where it is not known.
    pub fn namespace(&self, cookie: u64) -> Option<Namespace> {
        self.read(|known| known.get(&cookie).cloned())
    }

    /// Capacity of every tuple of a namespace; 0 for one that is not known.
    pub fn capacity(&self, cookie: u64) -> u32 {
        self.read(|known| known.get(&cookie).map_or(0, Namespace::capacity))
    }

    /// The tuple of a key; `inum` stands in for a namespace that is not known yet.
    pub fn tuple(&self, key: &TupleKey, inum: u32) -> Tuple {
        let netns = self.read(|known| known.get(&key.netns).map(|namespace| namespace.id.clone()));
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
        self.read(|known| known.get(&key.netns)?.reuse_after(key.bound_dev, ends))
    }

    fn read<T>(&self, look: impl FnOnce(&foldhash::HashMap<u64, Namespace>) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An address of a key, IPv4 where it is one.
pub(super) fn address(bytes: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(bytes).to_canonical()
}
