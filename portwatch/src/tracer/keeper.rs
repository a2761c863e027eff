//! The thread that keeps the set true: namespaces, sweeps, slots.
//!
//! All of this takes system calls that may be slow on a large host. It has a thread of its own, so
//! that an event never waits for it.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use aya::maps::{HashMap as BpfHashMap, MapData};
use portwatch_common::{NetnsSettings, Thresholds};
use tokio::sync::{mpsc as async_mpsc, oneshot};

use super::{
    Sweeps, TracerError,
    directory::Directory,
    netns::{self, Found},
    object::Object,
    pod::Plain,
    slots::Slots,
    statistics::Statistics,
    sweep::Sweeper,
    table::Table,
};
use crate::{
    kernel::netns::Discovery,
    model::{Namespace, NetnsId},
};

/// Time between two looks at the namespaces and the slots.
const ROUND: Duration = Duration::from_secs(1);

const NO_WAY_IN: &str =
    "no process, name or descriptor leads there: its sockets from before the start are not counted";

/// Rounds after which the reserved ports are read anew.
const RESERVED_ROUNDS: u32 = 5;

/// What is known of a namespace beyond the kernel's list.
pub(super) struct Known {
    name: Option<Arc<str>>,
    reachable: bool,
}

/// What the event side asks of the keeper.
pub(super) enum Request {
    /// Look at the namespaces now, and say when that is done.
    Refresh(oneshot::Sender<()>),
}

/// What the keeper tells the event side.
pub(super) enum Report {
    /// A sweep is done.
    Swept(Sweeps),
    /// Something went wrong that makes the counts less than exact.
    Degraded(String),
}

/// State that both sides read.
pub(super) struct Shared {
    pub table: Table,
    pub directory: Directory,
    pub statistics: Statistics,
}

/// The thread and the channel to it.
pub(super) struct Keeper {
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(
        work: Work,
        reports: async_mpsc::UnboundedSender<Report>,
    ) -> std::io::Result<Self> {
        let (requests, inbox) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("keeper".into())
            .spawn(move || work.run(&inbox, &reports))?;
        Ok(Self {
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Has the namespaces looked at now. The receiver hears when that is done.
    pub fn refresh(&self) -> oneshot::Receiver<()> {
        let (done, when_done) = oneshot::channel();
        if let Some(requests) = &self.requests {
            let _ = requests.send(Request::Refresh(done));
        }
        when_done
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            // The programs are detached when the thread drops the object.
            let _ = thread.join();
        }
    }
}

/// What the thread works with.
pub(super) struct Work {
    pub object: Object,
    pub shared: Arc<Shared>,
    pub slots: Slots,
    pub sweeper: Sweeper,
    pub settings: BpfHashMap<MapData, u64, Plain<NetnsSettings>>,
    /// The namespaces that exist, by cookie.
    pub found: HashMap<u64, Found>,
    /// What is known of them beyond the kernel's list.
    pub known: HashMap<u64, Known>,
    /// Alert thresholds, thousandths of the capacity: warning, critical.
    pub permille: (u32, u32),
    pub sweep_interval: Duration,
    /// Looks at the namespaces so far.
    pub rounds: u32,
}

impl Work {
    fn run(
        mut self,
        inbox: &mpsc::Receiver<Request>,
        reports: &async_mpsc::UnboundedSender<Report>,
    ) {
        let tell = |result: Result<(), TracerError>| {
            if let Err(error) = result {
                let _ = reports.send(Report::Degraded(error.to_string()));
            }
        };
        let mut next_round = Instant::now() + ROUND;
        let mut next_sweep = Instant::now() + self.sweep_interval;
        loop {
            let wait = next_round
                .min(next_sweep)
                .saturating_duration_since(Instant::now());
            match inbox.recv_timeout(wait) {
                Ok(Request::Refresh(done)) => {
                    // One look answers everybody who asked before it.
                    let mut waiting = vec![done];
                    waiting.extend(inbox.try_iter().map(|Request::Refresh(done)| done));
                    tell(self.refresh());
                    for done in waiting {
                        let _ = done.send(());
                    }
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            if now >= next_round {
                tell(self.refresh());
                self.retire(now);
                next_round = Instant::now() + ROUND;
            }
            if now >= next_sweep {
                match self.sweep() {
                    Ok(()) => drop(reports.send(Report::Swept(self.sweeper.totals))),
                    Err(error) => tell(Err(error)),
                }
                next_sweep = Instant::now() + self.sweep_interval;
            }
        }
    }

    /// Looks which namespaces exist and what bounds their tuples, and tells the kernel side.
    ///
    /// # Errors
    /// When the kernel's list can't be read.
    pub fn refresh(&mut self) -> Result<(), TracerError> {
        let before = std::mem::take(&mut self.found);
        let known = if self.rounds.is_multiple_of(RESERVED_ROUNDS) {
            &HashMap::new()
        } else {
            &before
        };
        self.rounds = self.rounds.wrapping_add(1);
        self.found = netns::list(&mut self.object, known)?;
        for (cookie, found) in &self.found {
            if before.get(cookie) != Some(found) {
                let settings = NetnsSettings {
                    inum: found.inum,
                    capacity: found.capacity(),
                };
                self.settings
                    .insert(*cookie, Plain(settings), 0)
                    .map_err(|error| TracerError::from_aya("writing the map NETNS", &error))?;
            }
        }
        for cookie in before
            .keys()
            .filter(|cookie| !self.found.contains_key(cookie))
        {
            let _ = self.settings.remove(cookie);
        }
        self.known
            .retain(|cookie, _| self.found.contains_key(cookie));
        if self
            .found
            .keys()
            .any(|cookie| !self.known.contains_key(cookie))
        {
            self.discover();
        }
        self.apply_capacities();
        self.publish();
        Ok(())
    }

    /// Finds ways into the namespaces, and their names. What is returned holds every namespace
    /// open, which keeps it from ever going away: it must not be kept.
    fn discover(&mut self) -> Discovery {
        let mut discovery = Discovery::new().unwrap_or_default();
        let Self { found, known, .. } = self;
        let complete = |discovery: &Discovery| {
            found
                .values()
                .all(|found| discovery.namespaces.contains_key(&found.inum))
        };
        if !complete(&discovery) {
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

    /// Gives every tuple the capacity of its namespace: ranges change while containers run.
    fn apply_capacities(&self) {
        let Shared {
            table, statistics, ..
        } = &*self.shared;
        let (warning, critical) = self.permille;
        for slot in 0..statistics.read().tuple_high_water as u32 {
            let Some(entry) = table.entry(slot).filter(|entry| entry.created_ns != 0) else {
                continue;
            };
            if let Some(found) = self.found.get(&entry.key.netns)
                && found.capacity() != entry.capacity
            {
                let capacity = found.capacity();
                table.set_capacity(slot, capacity, Thresholds::new(capacity, warning, critical));
            }
        }
    }

    /// Lets the event side know the namespaces.
    fn publish(&self) {
        let namespaces = self.found.values().map(|found| {
            let known = self.known.get(&found.cookie);
            let id = NetnsId {
                name: known.and_then(|known| known.name.clone()),
                inum: found.inum,
                cookie: found.cookie,
            };
            let unreachable = known.is_some_and(|known| !known.reachable);
            let namespace = Namespace {
                id,
                range: found.range,
                reserved: found.reserved,
                blocked: None,
                tw_reuse: None,
                unreachable: unreachable.then(|| NO_WAY_IN.to_owned()),
            };
            (found.cookie, namespace)
        });
        self.shared.directory.replace(namespaces.collect());
    }

    fn retire(&mut self, now: Instant) {
        let Self {
            slots,
            shared,
            found,
            ..
        } = self;
        let high_water = shared.statistics.read().tuple_high_water as u32;
        slots.retire(&shared.table, high_water, now, |cookie| {
            !found.contains_key(&cookie)
        });
    }

    /// Walks over every namespace and puts into the set what is missing.
    ///
    /// # Errors
    /// When the set can't be written.
    pub fn walk(&mut self) -> Result<HashSet<u64>, TracerError> {
        let discovery = self.discover();
        let Self {
            object,
            sweeper,
            found,
            ..
        } = self;
        let namespaces = found
            .values()
            .filter_map(|found| Some((found.cookie, discovery.namespaces.get(&found.inum)?)));
        sweeper.walk(object, namespaces, |cookie, error| {
            log::warn!("namespace {cookie}: {error}")
        })
    }

    fn sweep(&mut self) -> Result<(), TracerError> {
        let began = Instant::now();
        let before = self.shared.statistics.read();
        let walked = self.walk()?;
        let Self {
            object,
            shared,
            sweeper,
            found,
            ..
        } = self;
        let swept = |cookie: u64| walked.contains(&cookie) || !found.contains_key(&cookie);
        sweeper.drop_stale(object, &shared.table, swept)?;
        let after = shared.statistics.read();
        sweeper.account(&before, &after, began.elapsed());
        if after.sockets_full == before.sockets_full {
            // Whatever had found no room is in the set now, or gone.
            let slots = 0..u32::try_from(after.tuple_high_water).unwrap_or(u32::MAX);
            slots.for_each(|slot| shared.table.clear_untracked(slot));
        }
        Ok(())
    }
}
