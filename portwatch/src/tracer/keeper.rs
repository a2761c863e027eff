//! The thread that keeps the set true: namespaces, sweeps, slots.
//!
//! All of this takes system calls that may be slow on a large host. It has a thread of its own, so
//! that events need not wait for it; those of a new namespace do for a moment, to have its name.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use portwatch_common::Thresholds;
use tokio::sync::{mpsc as async_mpsc, oneshot};

use super::{
    Sweeps, TracerError, bind_counts::BindCounts, blocked::Blocked, clock::processor_time,
    connections::Connections, directory::Directory, namespaces::Namespaces, object::Object,
    slots::Slots, statistics::Statistics, sweep::Sweeper, table::Table,
};
use crate::model::Ratios;

/// Time between two looks at the namespaces and the slots.
const ROUND: Duration = Duration::from_secs(1);
/// Time between two sweeps at least, however often one is asked for.
const SWEEP_PAUSE: Duration = Duration::from_secs(10);

/// A sweep's pause is at least so many times as long as the sweep worked: a walk looks at every socket
/// of the machine once for each namespace, which on a host of thousands of them takes seconds.
const SWEEP_SHARE: u32 = 50;
/// The same for regular ones where nobody wants them more often than each minute, up to so long a
/// pause: with 200,000 connections one takes most of a second, and finds nothing to put right.
const CALM_SWEEP_SHARE: u32 = 400;
const CALM_SWEEP_PAUSE: Duration = Duration::from_secs(300);
/// From this interval on.
const CALM: Duration = Duration::from_secs(60);

/// What the event side asks of the keeper.
pub(super) enum Request {
    /// Look at the namespaces now, and say when that is done.
    Refresh(oneshot::Sender<()>),
    /// Sweep early: something may have been missed.
    Sweep,
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
    pub binds: BindCounts,
    pub connections: Connections,
    /// The alert thresholds in force.
    pub ratios: RwLock<Ratios>,
}

impl Shared {
    /// The thresholds of a tuple of this capacity. Its entry may have others until the keeper's
    /// next round: the kernel side gives a new tuple those that were in force when it was loaded.
    pub fn thresholds(&self, capacity: u32) -> Thresholds {
        let ratios = self.ratios.read().unwrap_or_else(PoisonError::into_inner);
        ratios.thresholds(capacity)
    }
}

/// The thread and the channel to it.
pub(super) struct Keeper {
    stop: Arc<AtomicBool>,
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
        let stop = Arc::clone(&work.stop);
        let thread = std::thread::Builder::new()
            .name("keeper".into())
            .spawn(move || work.run(&inbox, &reports))?;
        Ok(Self {
            stop,
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

    /// Has a sweep done soon.
    pub fn sweep_soon(&self) {
        if let Some(requests) = &self.requests {
            let _ = requests.send(Request::Sweep);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
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
    pub namespaces: Namespaces,
    pub blocked: Blocked,
    pub sweep_interval: Duration,
    /// How long the walk of the start took.
    pub walked: Duration,
    /// Set when the thread is to end: a sweep over a large machine takes its time.
    pub stop: Arc<AtomicBool>,
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
        let mut last_sweep = Instant::now();
        let mut next_sweep = last_sweep + self.rest(self.walked);
        let mut pause = SWEEP_PAUSE;
        loop {
            let wait = next_round
                .min(next_sweep)
                .saturating_duration_since(Instant::now());
            let mut waiting = Vec::new();
            let first = match inbox.recv_timeout(wait) {
                Ok(request) => Some(request),
                Err(mpsc::RecvTimeoutError::Timeout) => None,
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            };
            for request in first.into_iter().chain(inbox.try_iter()) {
                match request {
                    Request::Refresh(done) => waiting.push(done),
                    Request::Sweep => {
                        next_sweep = next_sweep.min(last_sweep + pause.max(SWEEP_PAUSE))
                    }
                }
            }
            if !waiting.is_empty() {
                // One look answers everybody who asked before it.
                tell(self.refresh());
                for done in waiting {
                    let _ = done.send(());
                }
            }
            let now = Instant::now();
            if now >= next_round {
                tell(self.sweeper.tell_time());
                tell(self.refresh());
                self.retire(now);
                next_round = Instant::now() + ROUND;
            }
            if now >= next_sweep {
                let before = processor_time();
                let swept = self.sweep();
                self.sweeper.totals.failed = swept.is_err();
                tell(swept);
                let _ = reports.send(Report::Swept(self.sweeper.totals));
                last_sweep = Instant::now();
                let took = processor_time().saturating_sub(before);
                pause = took * SWEEP_SHARE;
                next_sweep = last_sweep + self.rest(took);
            }
        }
    }

    /// Time until the next regular sweep after one that took so long.
    fn rest(&self, took: Duration) -> Duration {
        let rest = self.sweep_interval.max(took * SWEEP_SHARE);
        if self.sweep_interval < CALM {
            return rest;
        }
        rest.max((took * CALM_SWEEP_SHARE).min(CALM_SWEEP_PAUSE))
    }

    /// Looks at the namespaces, and lets both sides know.
    ///
    /// # Errors
    /// When the kernel's list can't be read.
    pub fn refresh(&mut self) -> Result<(), TracerError> {
        self.namespaces.refresh(&mut self.object)?;
        let busy = self.busy();
        let Self {
            object,
            namespaces,
            blocked,
            ..
        } = self;
        let asked = blocked.refresh(object, namespaces, &busy);
        self.apply_limits();
        self.shared.directory.replace(self.namespaces.describe());
        asked
    }

    /// The namespaces whose tuples hold ports, and the utilisation of the fullest one of each.
    fn busy(&self) -> HashMap<u64, f64> {
        let Shared {
            table, statistics, ..
        } = &*self.shared;
        let stats = statistics.read();
        let mut busy = HashMap::new();
        // Most follow one of their own namespace.
        let mut last: Option<(u64, f64)> = None;
        for (_, entry) in table.held(&stats).filter(|(_, entry)| entry.used > 0) {
            let utilisation = f64::from(entry.used) / f64::from(entry.capacity.max(1));
            let known = last
                .is_some_and(|(netns, fullest)| netns == entry.key.netns && utilisation <= fullest);
            if known {
                continue;
            }
            let fullest = busy.entry(entry.key.netns).or_insert(utilisation);
            *fullest = utilisation.max(*fullest);
            last = Some((entry.key.netns, *fullest));
        }
        busy
    }

    /// Gives every tuple the capacity of its namespace, for ranges change while containers run, and
    /// the thresholds in force.
    fn apply_limits(&self) {
        let Shared {
            table, statistics, ..
        } = &*self.shared;
        // Most follow one of their own namespace.
        let mut last: Option<(u64, Option<(u32, Thresholds)>)> = None;
        for (slot, entry) in table.held(&statistics.read()) {
            let netns = entry.key.netns;
            let limits = match last {
                Some((before, limits)) if before == netns => limits,
                _ => self.namespaces.found.get(&netns).map(|found| {
                    let capacity = found.capacity();
                    (capacity, self.shared.thresholds(capacity))
                }),
            };
            last = Some((netns, limits));
            let (capacity, thresholds) =
                limits.unwrap_or_else(|| (entry.capacity, self.shared.thresholds(entry.capacity)));
            if capacity != entry.capacity || thresholds != entry.thresholds {
                table.set_capacity(slot, capacity, thresholds);
            }
        }
    }

    fn retire(&mut self, now: Instant) {
        let Self {
            slots,
            shared,
            namespaces,
            ..
        } = self;
        let stats = shared.statistics.read();
        let gone = |cookie| !namespaces.found.contains_key(&cookie);
        let with_slots = slots.retire(&shared.table, &stats, now, gone);
        namespaces.forget(&with_slots);
    }

    /// Walks over every namespace and puts into the set what is missing.
    ///
    /// # Errors
    /// When the set can't be written.
    pub fn walk(&mut self) -> Result<HashSet<u64>, TracerError> {
        let discovery = self.namespaces.discover()?;
        let Self {
            object,
            shared,
            sweeper,
            namespaces,
            stop,
            ..
        } = self;
        let ways = namespaces
            .found
            .values()
            .filter_map(|found| Some((found, discovery.namespaces.get(&found.inum)?)));
        let ways = ways.take_while(|_| !stop.load(Relaxed));
        sweeper.walk(object, &shared.statistics, ways, |cookie, error| {
            log::warn!("namespace {cookie}: {error}")
        })
    }

    fn sweep(&mut self) -> Result<(), TracerError> {
        let began = Instant::now();
        // What is taken for gone below must be gone, not merely new.
        self.refresh()?;
        let before = self.shared.statistics.read();
        let walked = self.walk()?;
        let Self {
            object,
            shared,
            sweeper,
            namespaces,
            stop,
            ..
        } = self;
        let swept = |cookie: u64| {
            !stop.load(Relaxed)
                && (walked.contains(&cookie) || !namespaces.found.contains_key(&cookie))
        };
        let regular = sweeper.drop_stale(object, &shared.table, swept)?;
        let after = shared.statistics.read();
        sweeper.account(&before, &after, regular, began.elapsed());
        if after.sockets_full == before.sockets_full {
            // Whatever had found no room is in the set now, or gone.
            let held = shared.table.held(&after);
            held.for_each(|(slot, _)| shared.table.clear_untracked(slot));
        }
        Ok(())
    }
}
