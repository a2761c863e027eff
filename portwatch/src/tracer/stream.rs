//! The running tracer as a stream of what happens.

use std::{sync::Arc, time::Duration};

use aya::maps::{MapData, RingBuf};
use portwatch_common::{Record, RecordKind};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::mpsc,
    time::{Interval, MissedTickBehavior, interval, timeout},
};
use zerocopy::FromBytes;

use super::{
    bpf_log::BpfLog,
    keeper::{Keeper, Report, Shared},
    programs::Programs,
    tally::{Tally, Tick},
};
use crate::model::{Event, EventKind, Started};

/// How long the events of a namespace that has just appeared may wait for its name.
const NAMING: Duration = Duration::from_millis(100);
/// Records taken from the ring before anything else gets its turn.
const BUDGET: usize = 256;

/// What a tracer tells.
#[derive(Debug)]
pub enum Update {
    /// Something happened.
    Event(Event),
    /// An interval went by.
    Tick(Tick),
}

/// A running tracer. Dropping it detaches every program; nothing stays behind.
pub struct Tracer {
    pub(super) started: Option<Started>,
    pub(super) ring: AsyncFd<RingBuf<MapData>>,
    pub(super) shared: Arc<Shared>,
    pub(super) keeper: Keeper,
    pub(super) reports: mpsc::UnboundedReceiver<Report>,
    pub(super) tally: Tally,
    pub(super) ticks: Interval,
    pub(super) ready: std::collections::VecDeque<Update>,
    pub(super) programs: Box<dyn Fn() -> Programs + Send>,
    pub(super) _bpf_log: Option<BpfLog>,
}

impl Tracer {
    /// What comes next. Waits until there is something.
    ///
    /// # Errors
    /// When the ring buffer can't be waited for.
    pub async fn next(&mut self) -> std::io::Result<Update> {
        if let Some(started) = self.started.take() {
            return Ok(Update::Event(self.tally.now(EventKind::Started(started))));
        }
        loop {
            if let Some(update) = self.ready.pop_front() {
                return Ok(update);
            }
            tokio::select! {
                biased;
                _ = self.ticks.tick() => self.tick(),
                Some(report) = self.reports.recv() => self.report(report),
                records = records(&mut self.ring) => {
                    for record in records? {
                        self.record(&record).await;
                    }
                }
            }
        }
    }

    /// The last look at the counters before the end: what is owed of failures without an event.
    pub fn settle(&mut self) -> Vec<Event> {
        self.tally.settle(&self.shared)
    }

    /// One record of the ring buffer.
    async fn record(&mut self, record: &Record) {
        let Some(kind) = RecordKind::from_u32(record.kind) else {
            return;
        };
        if kind == RecordKind::NewNetns {
            // Its next event should carry its name and capacity. If the look takes too long, it
            // goes without.
            let _ = timeout(NAMING, self.keeper.refresh()).await;
        }
        let event = self.tally.record(kind, record, &self.shared);
        self.ready.extend(event.map(Update::Event));
    }

    fn tick(&mut self) {
        let programs = (self.programs)();
        if self.tally.health.missed(&programs) {
            self.keeper.sweep_soon();
        }
        let (events, tick) = self.tally.tick(&self.shared, programs);
        self.ready.extend(events.into_iter().map(Update::Event));
        self.ready.push_back(Update::Tick(tick));
    }

    fn report(&mut self, report: Report) {
        match report {
            Report::Swept(sweeps) => {
                self.tally.sweeps = sweeps;
                let told = self.tally.health.swept(&sweeps);
                self.tell(told);
            }
            Report::Degraded(reason) => self.tell(Some(EventKind::Degraded { reason })),
        }
    }

    fn tell(&mut self, kind: Option<EventKind>) {
        let event = kind.map(|kind| self.tally.now(kind));
        self.ready.extend(event.map(Update::Event));
    }
}

/// Waits for records and takes some. The number is bounded, so that a storm of them can't keep
/// the tick from its turn: taking a record is a memory read that never waits.
async fn records(ring: &mut AsyncFd<RingBuf<MapData>>) -> std::io::Result<Vec<Record>> {
    let mut guard = ring.readable_mut().await?;
    let mut records = Vec::new();
    while records.len() < BUDGET {
        let Some(item) = guard.get_inner_mut().next() else {
            guard.clear_ready();
            break;
        };
        // A later version's longer record still begins like this one.
        if let Ok((record, _)) = Record::read_from_prefix(&item) {
            records.push(record);
        }
    }
    Ok(records)
}

/// Waits for the ring buffer.
///
/// # Errors
/// When the runtime refuses the descriptor.
pub(super) fn ring_reader(ring: RingBuf<MapData>) -> std::io::Result<AsyncFd<RingBuf<MapData>>> {
    // SAFETY: the ring buffer owns its descriptor and neither closes nor replaces it.
    let registered = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) };
    registered.map_err(Into::into)
}

/// Ticks that never hurry to make up for lost ones.
pub(super) fn ticks(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    ticks
}
