//! The network namespaces: which exist, what bounds their tuples, and how they are called.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

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

/// A namespace that no thread or descriptor led to is searched for again after this time: the
/// search takes a system call for each descriptor of the machine.
const SEARCH_AGAIN: Duration = Duration::from_secs(600);

/// Looks after which the reserved ports are read anew.
const RESERVED_ROUNDS: u32 = 5;

/// The kernel side's copy, by cookie.
type Settings = BpfHashMap<MapData, u64, Plain<NetnsSettings>>;

/// What is known, by cookie.
pub(super) struct Namespaces {
    /// Those that exist.
    pub found: HashMap<u64, Found>,
    /// Those that went, but whose tuples still have a slot, and events to come.
    gone: HashMap<u64, Found>,
    /// What is known of either beyond the kernel's list.
    known: HashMap<u64, Known>,
    /// The kernel side's copy.
    settings: Settings,
    rounds: u32,
}

struct Known {
    name: Option<Arc<str>>,
    reachable: bool,
    /// When every thread and descriptor was searched for a way in, if that was needed.
    searched: Option<Instant>,
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
                tell(&mut self.settings, now);
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
            self.discover()?;
        }
        Ok(())
    }

    /// Notes how many ports of a namespace are blocked, and tells the kernel side.
    pub fn set_blocked(&mut self, cookie: u64, blocked: u32) {
        if let Some(found) = self.found.get_mut(&cookie)
            && found.blocked != Some(blocked)
        {
            found.blocked = Some(blocked);
            tell(&mut self.settings, found);
        }
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
    ///
    /// # Errors
    /// When `/proc` can't be read, or there are too few descriptors (`ulimit -n`).
    pub fn discover(&mut self) -> Result<Discovery, TracerError> {
        let failed = |error| TracerError::from_io("looking for network namespaces", &error);
        let mut discovery = Discovery::new().map_err(failed)?;
        let Self { found, known, .. } = self;
        let now = Instant::now();
        let missing = |found: &&Found| !discovery.namespaces.contains_key(&found.inum);
        let worth_a_search = |found: &Found| {
            known.get(&found.cookie).is_none_or(|known| {
                let recently = |when| now.duration_since(when) < SEARCH_AGAIN;
                known.reachable || !known.searched.is_some_and(recently)
            })
        };
        let searched = found.values().filter(missing).any(worth_a_search);
        if searched {
            // What no process lives in may still be held by a thread or by a descriptor.
            discovery.deepen().map_err(failed)?;
        }
        for (cookie, found) in found {
            let netns = discovery.namespaces.get(&found.inum);
            let before = known.remove(cookie);
            let fresh = Known {
                name: netns.and_then(|netns| netns.name.clone()),
                reachable: netns.is_some(),
                searched: if searched {
                    Some(now)
                } else {
                    before.and_then(|known| known.searched)
                },
            };
            known.insert(*cookie, fresh);
        }
        Ok(discovery)
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
            blocked: found.blocked,
            tw_reuse: found.tw_reuse(),
            tw_reuse_delay: found.tw_reuse_delay(),
            timestamps: Some(found.timestamps),
            unreachable: unreachable.then(|| NO_WAY_IN.to_owned()),
        }
    }
}

/// Tells the kernel side what bounds a namespace's tuples. Where it has no room, it takes the whole
/// range for the capacity of a new tuple, until the next look corrects it.
fn tell(settings: &mut Settings, found: &Found) {
    let bounds = NetnsSettings {
        inum: found.inum,
        capacity: found.capacity(),
        low: found.range.low,
        high: found.range.high,
    };
    let _ = settings.insert(found.cookie, Plain(bounds), 0);
}
