//! The network namespaces: which exist, what bounds their tuples, and how they are called.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aya::maps::{HashMap as BpfHashMap, MapData};
use portwatch_common::NetnsSettings;

use super::{
    TracerError,
    netns::{Found, list},
    object::Object,
    pod::Plain,
};
use crate::{
    kernel::netns::Discovery,
    model::{Namespace, NetnsId},
};

const NO_WAY_IN: &str =
    "no process, name or descriptor leads there: its sockets from before the start are not counted";

/// Looks after which the reserved ports are read anew.
const RESERVED_ROUNDS: u32 = 5;

/// What is known, by cookie.
pub(super) struct Namespaces {
    /// Those that exist.
    pub found: HashMap<u64, Found>,
    /// Those that went, but whose tuples still have a slot, and events to come.
    gone: HashMap<u64, Found>,
    /// What is known of either beyond the kernel's list.
    known: HashMap<u64, Known>,
    /// The kernel side's copy.
    settings: BpfHashMap<MapData, u64, Plain<NetnsSettings>>,
    rounds: u32,
}

struct Known {
    name: Option<Arc<str>>,
    reachable: bool,
}

impl Namespaces {
    /// Nothing known yet; takes the map of the kernel side's copy.
    ///
    /// # Errors
    /// When the object does not hold it.
    pub fn new(object: &mut Object) -> Result<Self, TracerError> {
        Ok(Self {
            found: HashMap::new(),
            gone: HashMap::new(),
            known: HashMap::new(),
            settings: object.take_map("NETNS")?,
            rounds: 0,
        })
    }

    /// Looks which namespaces exist and what bounds their tuples, and tells the kernel side.
    ///
    /// # Errors
    /// When the kernel's list can't be read.
    pub fn refresh(&mut self, object: &mut Object) -> Result<(), TracerError> {
        let none = HashMap::new();
        let anew = self.rounds.is_multiple_of(RESERVED_ROUNDS);
        let found = list(object, if anew { &none } else { &self.found })?;
        self.rounds = self.rounds.wrapping_add(1);
        if anew {
            self.prune(&found);
        }
        for (cookie, now) in &found {
            if self.found.get(cookie) != Some(now) {
                let settings = NetnsSettings {
                    inum: now.inum,
                    capacity: now.capacity(),
                    low: now.range.low,
                    high: now.range.high,
                };
                // Where it has no room, the kernel side takes the whole range for the capacity of
                // a new tuple, until the next look corrects it.
                let _ = self.settings.insert(*cookie, Plain(settings), 0);
            }
        }
        let before = std::mem::replace(&mut self.found, found);
        for (cookie, found) in before {
            if !self.found.contains_key(&cookie) {
                let _ = self.settings.remove(&cookie);
                self.gone.insert(cookie, found);
            }
        }
        if self
            .found
            .keys()
            .any(|cookie| !self.known.contains_key(cookie))
        {
            self.discover();
        }
        Ok(())
    }

    /// Takes from the kernel side's copy the namespaces that do not exist any more. It notes those
    /// that it meets itself: one that came and went between two looks was never found here. One
    /// that has just come is noted again at its next tuple.
    fn prune(&mut self, found: &HashMap<u64, Found>) {
        let noted = self.settings.keys().filter_map(Result::ok);
        let stale: Vec<u64> = noted.filter(|cookie| !found.contains_key(cookie)).collect();
        for cookie in stale {
            let _ = self.settings.remove(&cookie);
        }
    }

    /// Forgets the namespaces that went and have no slot any more.
    pub fn forget(&mut self, with_slots: &HashSet<u64>) {
        self.gone.retain(|cookie, _| with_slots.contains(cookie));
        let Self {
            found, gone, known, ..
        } = self;
        known.retain(|cookie, _| found.contains_key(cookie) || gone.contains_key(cookie));
    }

    /// Finds ways into the namespaces, and their names. What is returned holds every namespace
    /// open, which keeps it from ever going away: it must not be kept.
    pub fn discover(&mut self) -> Discovery {
        let mut discovery = Discovery::new().unwrap_or_default();
        let Self { found, known, .. } = self;
        if found
            .values()
            .any(|found| !discovery.namespaces.contains_key(&found.inum))
        {
            // What no process lives in may still be held by a thread or by a descriptor.
            let _ = discovery.deepen();
        }
        for (cookie, found) in found {
            let netns = discovery.namespaces.get(&found.inum);
            let name = netns.and_then(|netns| netns.name.clone());
            known.insert(
                *cookie,
                Known {
                    name,
                    reachable: netns.is_some(),
                },
            );
        }
        discovery
    }

    /// What the event side is to know.
    pub fn describe(&self) -> HashMap<u64, Namespace> {
        let all = self.gone.iter().chain(&self.found);
        all.map(|(cookie, found)| (*cookie, self.namespace(found)))
            .collect()
    }

    fn namespace(&self, found: &Found) -> Namespace {
        let known = self.known.get(&found.cookie);
        let unreachable = known.is_some_and(|known| !known.reachable);
        Namespace {
            id: NetnsId {
                name: known.and_then(|known| known.name.clone()),
                inum: found.inum,
                cookie: found.cookie,
            },
            range: found.range,
            reserved: found.reserved,
            blocked: None,
            tw_reuse: None,
            unreachable: unreachable.then(|| NO_WAY_IN.to_owned()),
        }
    }
}
