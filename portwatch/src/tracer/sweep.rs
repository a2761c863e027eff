//! Sweeps: walks that check the set against the kernel's own list, and mend it.

use std::{collections::HashSet, sync::Arc, time::Duration};

use aya::maps::{Array, MapData};
use portwatch_common::{Control, Phase, Stats, Tracked};

use super::{
    TimeWait, TracerError, batch,
    clock::second,
    netns::Found,
    object::Object,
    pod::Plain,
    statistics::Statistics,
    table::Table,
    walk::{track, track_each},
};
use crate::kernel::netns::Netns;

/// What the sweeps have found so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sweeps {
    /// Sweeps done, the first walk not counted.
    pub count: u64,
    /// Sockets that were missing from the set or stood in it for nothing: the tracer's own drift,
    /// expected to be 0. Where sweeps follow TIME_WAIT, that is their work and not counted here.
    pub corrections: u64,
    /// Sockets in the set at the end of the last sweep.
    pub sockets: u64,
    /// Duration of the last sweep, nanoseconds.
    pub last_ns: u64,
    /// Whether the last sweep that was tried failed.
    pub failed: bool,
}

/// Does the sweeps.
pub(super) struct Sweeper {
    sockets: Arc<MapData>,
    control: Array<MapData, Plain<Control>>,
    time_wait: TimeWait,
    generation: u32,
    /// Namespaces that existed before the hooks and have not been walked yet.
    unseeded: HashSet<u64>,
    /// Sockets that first walks put into the set at the last walk: they were there before the start.
    seeds: u64,
    pub totals: Sweeps,
}

impl Sweeper {
    /// Takes what it needs beside the set of sockets.
    ///
    /// # Errors
    /// When the object does not hold it.
    pub fn new(
        object: &mut Object,
        sockets: Arc<MapData>,
        time_wait: TimeWait,
    ) -> Result<Self, TracerError> {
        Ok(Self {
            sockets,
            control: object.take_map("CONTROL")?,
            time_wait,
            generation: 0,
            unseeded: HashSet::new(),
            seeds: 0,
            totals: Sweeps::default(),
        })
    }

    /// Notes the namespaces that exist when the hooks are attached.
    pub fn note_unseeded(&mut self, namespaces: impl Iterator<Item = u64>) {
        self.unseeded = namespaces.collect();
    }

    /// Walks over the sockets of the namespaces and puts into the set what is missing: of those that
    /// have not been walked yet several at a time, for somebody waits for the start. Calls
    /// `unreachable` for a namespace that can't be walked.
    ///
    /// # Errors
    /// When the set's own map can't be written.
    pub fn walk<'a>(
        &mut self,
        object: &mut Object,
        statistics: &Statistics,
        namespaces: impl Iterator<Item = (&'a Found, &'a Netns)> + Clone,
        mut unreachable: impl FnMut(u64, TracerError),
    ) -> Result<HashSet<u64>, TracerError> {
        self.generation = self.generation.wrapping_add(1).max(1);
        self.tell_time()?;
        let mut walked = HashSet::new();
        let is_new = |(found, _): &(&Found, &Netns)| self.unseeded.contains(&found.cookie);
        let new: Vec<_> = namespaces.clone().filter(is_new).collect();
        let before = statistics.read();
        for (cookie, outcome) in track_each(object, &new) {
            match outcome {
                Ok(()) => {
                    walked.insert(cookie);
                    self.unseeded.remove(&cookie);
                }
                Err(error) => unreachable(cookie, error),
            }
        }
        self.seeds = self.inserted(&before, &statistics.read());
        let new: HashSet<u64> = new.iter().map(|(found, _)| found.cookie).collect();
        for (found, netns) in namespaces.filter(|(found, _)| !new.contains(&found.cookie)) {
            match track(object, found, netns) {
                Ok(()) => drop(walked.insert(found.cookie)),
                Err(error) => unreachable(found.cookie, error),
            }
        }
        Ok(walked)
    }

    /// Tells the kernel side the present generation and second.
    ///
    /// # Errors
    /// When the map can't be written.
    pub fn tell_time(&mut self) -> Result<(), TracerError> {
        let control = Control {
            generation: self.generation,
            census_tuples: 0,
            second: second(),
        };
        self.control
            .set(0, Plain(control), 0)
            .map_err(|error| TracerError::from_aya("writing the map CONTROL", &error))
    }

    /// Drops from the set what the walks did not see in the namespaces `swept`: those walked, and
    /// those that do not exist any more. Returns how many of them are no correction: those that
    /// sweeps alone follow, and those that count for nothing since their search failed, which leave
    /// with the socket's next event, or with the socket.
    ///
    /// A socket can be out of a walk's sight for good reasons: one that is still searching its
    /// port is not in the kernel's list yet, and before 6.17 an iterator could skip a socket when
    /// others of its bucket went. So it takes two walks in a row; where TIME_WAIT is followed by
    /// sweeps alone, one is enough for its sockets.
    ///
    /// # Errors
    /// When the set's map can't be read or the program that drops can't run.
    pub fn drop_stale(
        &mut self,
        object: &mut Object,
        table: &Table,
        swept: impl Fn(u64) -> bool,
    ) -> Result<u64, TracerError> {
        let mut stale: Vec<(u64, Tracked, bool)> = Vec::new();
        let (mut sockets, mut regular) = (0, 0);
        batch::for_each(self.sockets.fd(), |socket: u64, tracked: Tracked| {
            sockets += 1;
            let by_sweep =
                self.time_wait == TimeWait::Sweep && tracked.phase == Phase::TimeWait as u8;
            let unseen = self.generation.wrapping_sub(tracked.generation);
            if unseen > u32::from(!by_sweep) {
                let is_regular = by_sweep || tracked.phase == Phase::Failed as u8;
                stale.push((socket, tracked, is_regular));
            }
        })
        .map_err(|error| TracerError::from_io("reading the map SOCKETS", &error))?;
        for (socket, tracked, is_regular) in stale {
            let netns = table.entry(tracked.tuple).map(|entry| entry.key.netns);
            if netns.is_some_and(&swept) {
                log::debug!("no walk met socket {socket:#x} any more: {tracked:?}");
                object.run("sweep_drop", &[socket, u64::from(tracked.generation)])?;
                sockets -= 1;
                regular += u64::from(is_regular);
            }
        }
        self.totals.sockets = sockets;
        Ok(regular)
    }

    /// Counts a sweep, and as corrections all that it changed but what is its regular work.
    pub fn account(&mut self, before: &Stats, after: &Stats, regular: u64, took: Duration) {
        let grown = |counter: fn(&Stats) -> u64| counter(after).saturating_sub(counter(before));
        let changed = self.inserted(before, after)
            + grown(|stats| stats.stale_replaced)
            + grown(|stats| stats.sweep_dropped);
        let regular = regular + self.seeds;
        self.totals.corrections += changed.saturating_sub(regular);
        self.totals.count += 1;
        self.totals.last_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
    }

    /// What walks put into the set and hooks should have.
    fn inserted(&self, before: &Stats, after: &Stats) -> u64 {
        let grown = |counter: fn(&Stats) -> u64| counter(after).saturating_sub(counter(before));
        let time_wait = match self.time_wait {
            TimeWait::Events => grown(|stats| stats.walk_inserted_time_wait),
            TimeWait::Sweep => 0,
        };
        grown(|stats| stats.walk_inserted) + time_wait
    }
}
