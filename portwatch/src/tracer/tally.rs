//! From records and counters to events: what has been told, and what is owed.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use portwatch_common::{Level, Record, RecordKind, Stats, TupleEntry, TupleKey};

use super::{
    bind_tally::BindTally,
    clock::{monotonic_ns, wall},
    crossing::{alert_kind, busy, quiet_crossing},
    directory::address,
    health::Health,
    keeper::Shared,
    lives::{Life, Lives},
    process::process,
    programs::Programs,
    sample::{sample, usage},
    sweep::Sweeps,
};
use crate::model::{
    Alert, AlertKind, BindCause, BindSample, Cause, Event, EventKind, Failure, Growth, Storm,
    Tuple, TupleSample, trial,
};

/// The counters after one interval.
#[derive(Debug)]
pub struct Tick {
    /// Every tuple that has a slot, in no order. Whoever keeps them for longer than an interval has
    /// them copied.
    pub samples: Arc<Vec<TupleSample>>,
    /// What the interval added to their counts.
    pub growths: Vec<Growth>,
    /// Every namespace in which a bind found no free port, in no order.
    pub binds: Vec<BindSample>,
    /// Sweeps and their corrections.
    pub sweeps: Sweeps,
    /// The kernel side's own counters.
    pub stats: Stats,
    /// Counters of each program.
    pub programs: Programs,
    /// Connections of all tuples, TIME_WAIT and those from a bound port included: sockets in the
    /// tracer's set.
    pub tracked: u64,
}

/// The life of failures that belong to no tuple.
const NO_TUPLE: Life = (u32::MAX, 0);

/// Keeps the accounts.
pub(super) struct Tally {
    /// Tuples older than this were there before the tracer.
    started_ns: u64,
    lives: Lives,
    /// The version of the directory that the last look knew.
    directory: u64,
    storm: Storm<(Life, Cause)>,
    binds: BindTally,
    pub health: Health,
    last_no_source: Option<Tuple>,
    pub sweeps: Sweeps,
    /// A time to exhaustion below this is told.
    eta_warning: Option<Duration>,
}

impl Tally {
    /// Nothing told yet.
    pub fn new(health: Health, eta_warning: Option<Duration>) -> Self {
        Self {
            started_ns: monotonic_ns(),
            lives: Lives::default(),
            directory: 0,
            storm: Storm::new(),
            binds: BindTally::new(),
            health,
            last_no_source: None,
            sweeps: Sweeps::default(),
            eta_warning,
        }
    }

    /// From now on other thresholds are in force, which concerns every tuple.
    pub fn set_eta_warning(&mut self, limit: Option<Duration>) {
        self.eta_warning = limit;
        self.lives.wake_all();
    }

    /// An event of this moment.
    pub fn now(&self, kind: EventKind) -> Event {
        Event {
            time: Timestamp::now(),
            kind,
        }
    }

    /// What a record of the kernel side means; none when it has been told.
    pub fn record(&mut self, kind: RecordKind, record: &Record, shared: &Shared) -> Option<Event> {
        if is_trial(&record.key) {
            return None;
        }
        let binds = &mut self.binds;
        let kind = match kind {
            RecordKind::Warning => self.rise(record, Level::Warning, shared)?,
            RecordKind::Critical => self.rise(record, Level::Critical, shared)?,
            RecordKind::Recovered => self.recovery(record, shared)?,
            RecordKind::Exhausted => self.failure(record, Cause::Exhausted, shared)?,
            RecordKind::Conflict => self.failure(record, Cause::Conflict, shared)?,
            RecordKind::NoSourceAddress => self.no_source_address(record, shared)?,
            RecordKind::SlowSearch => self.slow_search(record, shared),
            RecordKind::TcpBind => binds.record(BindCause::TcpBind, record, shared)?,
            RecordKind::UdpBind => binds.record(BindCause::UdpBind, record, shared)?,
            RecordKind::UdpAutobind => binds.record(BindCause::UdpAutobind, record, shared)?,
            RecordKind::NewNetns => return None,
        };
        Some(Event {
            time: wall(record.time_ns),
            kind,
        })
    }

    fn rise(&mut self, record: &Record, level: Level, shared: &Shared) -> Option<EventKind> {
        let now = Duration::from_nanos(record.time_ns);
        let entry = entry(record, shared);
        let life = life(record, entry.as_ref());
        let memory = self.lives.memory(life);
        let usage = usage(record.used, record.time_wait, record.capacity);
        let reuse_after = shared.directory.reuse_after(&record.key);
        let usage = memory.note(now, &usage, entry.as_ref(), reuse_after);
        // The kernel side counts TIME_WAIT in full.
        let held_back =
            entry.is_some_and(|it| shared.thresholds(it.capacity).level(busy(&usage)) < level);
        if held_back || !memory.tell(level, now) {
            return None;
        }
        let age =
            (life.1 > self.started_ns).then(|| now.saturating_sub(Duration::from_nanos(life.1)));
        Some(EventKind::Alert(Alert {
            kind: alert_kind(level),
            tuple: shared.directory.tuple(&record.key, record.netns_inum),
            usage,
            forecast: memory.forecast_from_birth(&usage, age),
            process: process(record),
        }))
    }

    fn recovery(&mut self, record: &Record, shared: &Shared) -> Option<EventKind> {
        let entry = entry(record, shared);
        let memory = self.lives.get_mut(life(record, entry.as_ref()))?;
        if memory.level() == Level::Ok {
            return None;
        }
        memory.recover();
        let usage = usage(record.used, record.time_wait, record.capacity);
        let now = Duration::from_nanos(record.time_ns);
        let reuse_after = shared.directory.reuse_after(&record.key);
        let usage = memory.note(now, &usage, entry.as_ref(), reuse_after);
        Some(EventKind::Alert(Alert {
            kind: AlertKind::Recovered,
            tuple: shared.directory.tuple(&record.key, record.netns_inum),
            usage,
            forecast: memory.forecast(&usage),
            process: None,
        }))
    }

    fn slow_search(&self, record: &Record, shared: &Shared) -> EventKind {
        let mut usage = usage(record.used, record.time_wait, record.capacity);
        // As for failures: searches under way are in the set.
        usage.used = usage.used.min(usage.capacity);
        let life = life(record, entry(record, shared).as_ref());
        let memory = self.lives.get(life);
        let forecast = memory.map(|memory| memory.forecast(&usage));
        EventKind::Alert(Alert {
            kind: AlertKind::SlowSearch(Duration::from_nanos(record.search_ns.into())),
            tuple: shared.directory.tuple(&record.key, record.netns_inum),
            usage,
            forecast: forecast.unwrap_or_default(),
            process: process(record),
        })
    }

    fn failure(&mut self, record: &Record, cause: Cause, shared: &Shared) -> Option<EventKind> {
        let life = life(record, entry(record, shared).as_ref());
        let suppressed = self.storm.event((life, cause), record.total)?;
        let mut usage = usage(record.used, record.time_wait, record.capacity);
        if cause == Cause::Exhausted {
            // Attempts that are inside their own search at this moment are in the set, too.
            usage.used = usage.used.min(usage.capacity);
        }
        Some(EventKind::Failure(Failure {
            cause,
            tuple: shared.directory.tuple(&record.key, record.netns_inum),
            usage: Some(usage),
            process: process(record),
            local_port: (record.local_port != 0).then_some(record.local_port),
            suppressed,
        }))
    }

    fn no_source_address(&mut self, record: &Record, shared: &Shared) -> Option<EventKind> {
        // The record's own total is that of one CPU.
        let total = shared.statistics.read().no_source_address;
        let suppressed = self
            .storm
            .event((NO_TUPLE, Cause::NoSourceAddress), total)?;
        let tuple = shared.directory.tuple(&record.key, record.netns_inum);
        self.last_no_source = Some(tuple.clone());
        Some(EventKind::Failure(Failure {
            cause: Cause::NoSourceAddress,
            tuple,
            usage: None,
            process: process(record),
            local_port: None,
            suppressed,
        }))
    }

    /// A look at all counters: what is owed, what crossed a threshold without a record, what went
    /// wrong.
    pub fn tick(&mut self, shared: &Shared, programs: Programs) -> (Vec<Event>, Tick) {
        let stats = shared.statistics.read();
        let now = Duration::from_nanos(monotonic_ns());
        let mut kinds = self.health.look(&stats, now);
        let (changed, version) = shared.directory.changed_since(self.directory);
        self.directory = version;
        let mut tracked = 0;
        let mut failed = Vec::new();
        for (slot, entry) in shared.table.slots(&stats) {
            let entry = entry.filter(|entry| !is_trial(&entry.key));
            let Some(entry) = entry else {
                self.lives.end(slot);
                continue;
            };
            let life = (slot, entry.created_ns);
            tracked += u64::try_from(entry.used.saturating_add(entry.bound)).unwrap_or(0);
            if entry.exhausted > 0 || entry.conflict > 0 {
                failed.push((life, entry));
            }
            if self.lives.rests(life, &entry) && !changed.contains(&entry.key.netns) {
                continue;
            }
            self.look(life, &entry, now, shared, &mut kinds);
        }
        kinds.extend(self.owed(&failed, &stats, shared, false));
        let (owed, binds) = self.binds.look(shared, false);
        kinds.extend(owed);
        let (samples, growths) = self.lives.looked(now);
        let Self { storm, lives, .. } = self;
        storm.retain(|(life, _)| *life == NO_TUPLE || lives.has(*life));
        let events = kinds.into_iter().map(|kind| self.now(kind)).collect();
        (
            events,
            Tick {
                samples,
                growths,
                binds,
                sweeps: self.sweeps,
                stats,
                programs,
                tracked,
            },
        )
    }

    /// A look at one tuple: its sample, and what is told of it.
    fn look(
        &mut self,
        life: Life,
        entry: &TupleEntry,
        now: Duration,
        shared: &Shared,
        kinds: &mut Vec<EventKind>,
    ) {
        let memory = self.lives.memory(life);
        let usage = usage(entry.used, entry.time_wait, entry.capacity);
        let reuse_after = shared.directory.reuse_after(&entry.key);
        let usage = memory.note(now, &usage, Some(entry), reuse_after);
        let forecast = memory.forecast(&usage);
        kinds.extend(quiet_crossing(memory, life.0, entry, &usage, now, shared));
        let limit = self.eta_warning;
        let short = limit.and_then(|limit| memory.eta_warning(now, &usage, limit));
        let sample = sample(&shared.directory, entry, usage, forecast);
        kinds.extend(short.map(|forecast| {
            EventKind::Alert(Alert {
                kind: AlertKind::Predicted,
                tuple: sample.tuple.clone(),
                usage,
                forecast,
                process: None,
            })
        }));
        self.lives.put(life, sample, now);
    }

    /// Everything that is owed, at the end.
    pub fn settle(&mut self, shared: &Shared) -> Vec<Event> {
        let stats = shared.statistics.read();
        let entries = entries(shared, &stats);
        let mut owed = self.owed(&entries, &stats, shared, true);
        owed.extend(self.binds.look(shared, true).0);
        owed.into_iter().map(|kind| self.now(kind)).collect()
    }

    /// Failures that no event stood for: the end of a storm, or what the ring had no room for.
    fn owed(
        &mut self,
        entries: &[(Life, TupleEntry)],
        stats: &Stats,
        shared: &Shared,
        at_once: bool,
    ) -> Vec<EventKind> {
        let totals = entries.iter().flat_map(|(life, entry)| {
            [
                ((*life, Cause::Exhausted), entry.exhausted),
                ((*life, Cause::Conflict), entry.conflict),
            ]
        });
        let no_source = ((NO_TUPLE, Cause::NoSourceAddress), stats.no_source_address);
        let totals = totals.chain([no_source]);
        let lines = if at_once {
            self.storm.settle(totals)
        } else {
            self.storm.residue(totals)
        };
        if lines.is_empty() {
            return Vec::new();
        }
        let by_life: HashMap<Life, &TupleEntry> =
            entries.iter().map(|(life, entry)| (*life, entry)).collect();
        lines
            .into_iter()
            .filter_map(|((life, cause), suppressed)| {
                let entry = by_life.get(&life);
                let tuple = match entry {
                    Some(entry) => shared.directory.tuple(&entry.key, 0),
                    None => self.last_no_source.clone()?,
                };
                let failure = Failure {
                    cause,
                    tuple,
                    // What the tuple held when these failed, nobody knows.
                    usage: None,
                    process: None,
                    local_port: None,
                    suppressed,
                };
                Some(EventKind::Failure(failure))
            })
            .collect()
    }
}

/// The entries that hold a tuple, without those of trials.
pub(super) fn entries(shared: &Shared, stats: &Stats) -> Vec<(Life, TupleEntry)> {
    let held = shared.table.held(stats);
    held.map(|(slot, entry)| ((slot, entry.created_ns), entry))
        .filter(|(_, entry)| !is_trial(&entry.key))
        .collect()
}

/// Whether it is a trial's, see [`trial::is_trial`].
fn is_trial(key: &TupleKey) -> bool {
    trial::is_trial(address(key.peer_bytes()), key.peer_port, key.bound_dev)
}

/// The entry that a record speaks of, if its tuple still has the slot.
fn entry(record: &Record, shared: &Shared) -> Option<TupleEntry> {
    let entry = shared.table.entry(record.tuple);
    entry.filter(|entry| entry.key == record.key)
}

/// The life that a record speaks of.
fn life(record: &Record, entry: Option<&TupleEntry>) -> Life {
    (record.tuple, entry.map_or(0, |entry| entry.created_ns))
}
