//! The running tracer as a stream of what happens.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, PoisonError},
    time::Duration,
};

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
    clock::monotonic_ns,
    keeper::{Keeper, Report, Shared},
    programs::Programs,
    tally::{Tally, Tick},
};
use crate::model::{Event, EventKind, Ratios, Started};

/// How long the events of a namespace that has just appeared may wait for its name.
const NAMING: Duration = Duration::from_millis(100);
/// Records taken from the ring before anything else gets its turn.
const BUDGET: usize = 256;
/// Times that at most after the end was asked for: more than any ring holds that is read in time.
const LAST_TAKES: usize = 64;

/// What a tracer tells.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "most updates are events, which a box each would only slow"
)]
pub enum Update {
    /// Something happened.
    Event(Event),
    /// An interval went by.
    Tick(Box<Tick>),
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
    /// Taken from the ring, not looked at yet.
    pub(super) taken: VecDeque<Record>,
    /// Not handed out yet.
    pub(super) ready: VecDeque<Update>,
    pub(super) programs: Box<dyn Fn() -> Programs + Send>,
    pub(super) _bpf_log: Option<BpfLog>,
}

impl Tracer {
    /// What comes next. Waits until there is something; nothing is lost when the wait is cut short.
    ///
    /// # Errors
    /// When the ring buffer can't be waited for, or the keeper is gone, and the programs with it.
    pub async fn next(&mut self) -> io::Result<Update> {
        if let Some(started) = self.started.take() {
            return Ok(Update::Event(self.tally.now(EventKind::Started(started))));
        }
        loop {
            if let Some(update) = self.ready.pop_front() {
                return Ok(update);
            }
            if !self.taken.is_empty() {
                self.name_namespaces().await;
                self.look_at_taken();
                continue;
            }
            // Whichever is ready: none may keep the others from their turn.
            tokio::select! {
                _ = self.ticks.tick() => self.tick(),
                report = self.reports.recv() => match report {
                    Some(report) => self.report(report),
                    None => return Err(io::Error::other("the keeper's thread has ended")),
                },
                waited = wait(&mut self.ring, &mut self.taken) => waited?,
            }
        }
    }

    /// From now on other thresholds are in force. Every tuple has them when the keeper has looked
    /// at it, which is soon; what that makes of its alert is told with the next tick.
    pub fn set_thresholds(&mut self, ratios: Ratios, eta_warning: Option<Duration>) {
        let in_force = self.shared.ratios.write();
        *in_force.unwrap_or_else(PoisonError::into_inner) = ratios;
        self.tally.set_eta_warning(eta_warning);
        // Nobody waits for it.
        drop(self.keeper.refresh());
    }

    /// Has the first interval end now.
    pub fn look_now(&mut self) {
        self.ticks.reset_immediately();
    }

    /// Everything that is left at the end: what was not handed out yet, what the ring still holds,
    /// and what is owed of failures without an event.
    pub fn settle(&mut self) -> Vec<Event> {
        for _ in 0..LAST_TAKES {
            let empty = take(self.ring.get_mut(), &mut self.taken);
            self.look_at_taken();
            if empty {
                break;
            }
        }
        let left = self.ready.drain(..).filter_map(|update| match update {
            Update::Event(event) => Some(event),
            Update::Tick(_) => None,
        });
        let mut events: Vec<Event> = left.collect();
        events.extend(self.tally.settle(&self.shared));
        events
    }

    /// The next events of a namespace that has just appeared should carry its name and capacity.
    /// If the look takes too long, they go without.
    async fn name_namespaces(&self) {
        let new = RecordKind::NewNetns as u32;
        if self.taken.iter().any(|record| record.kind == new) {
            let _ = timeout(NAMING, self.keeper.refresh()).await;
        }
    }

    fn look_at_taken(&mut self) {
        for record in self.taken.drain(..) {
            if let Some(kind) = RecordKind::from_u32(record.kind) {
                let event = self.tally.record(kind, &record, &self.shared);
                self.ready.extend(event.map(Update::Event));
            }
        }
    }

    fn tick(&mut self) {
        let programs = (self.programs)();
        if self
            .tally
            .health
            .missed(&programs, self.shared.statistics.read().refused)
        {
            self.keeper.sweep_soon();
        }
        let (events, tick) = self.tally.tick(&self.shared, programs);
        self.ready.extend(events.into_iter().map(Update::Event));
        self.ready.push_back(Update::Tick(Box::new(tick)));
    }

    fn report(&mut self, report: Report) {
        match report {
            Report::Swept(sweeps) => {
                self.tally.sweeps = sweeps;
                let told = self.tally.health.swept(&sweeps);
                self.tell(told);
            }
            Report::Degraded(reason) => {
                let now = Duration::from_nanos(monotonic_ns());
                let told = self.tally.health.failed(reason, now);
                self.tell(told);
            }
        }
    }

    fn tell(&mut self, kind: Option<EventKind>) {
        let event = kind.map(|kind| self.tally.now(kind));
        self.ready.extend(event.map(Update::Event));
    }
}

/// Waits for records and takes some; nothing is taken when the wait is cut short.
async fn wait(
    ring: &mut AsyncFd<RingBuf<MapData>>,
    taken: &mut VecDeque<Record>,
) -> io::Result<()> {
    let mut guard = ring.readable_mut().await?;
    if take(guard.get_inner_mut(), taken) {
        guard.clear_ready();
    }
    Ok(())
}

/// Takes records from the ring; true when it is empty. The number is bounded, so that a storm of
/// them can't keep the tick from its turn: taking a record is a memory read that never waits.
fn take(ring: &mut RingBuf<MapData>, taken: &mut VecDeque<Record>) -> bool {
    for _ in 0..BUDGET {
        let Some(item) = ring.next() else {
            return true;
        };
        // A later version's longer record still begins like this one.
        if let Ok((record, _)) = Record::read_from_prefix(&item) {
            taken.push_back(record);
        }
    }
    false
}

/// Waits for the ring buffer.
///
/// # Errors
/// When the runtime refuses the descriptor.
pub(super) fn ring_reader(ring: RingBuf<MapData>) -> io::Result<AsyncFd<RingBuf<MapData>>> {
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
