//! The connections of the set, and who opened them.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aya::maps::{HashMap as BpfHashMap, MapData};
use portwatch_common::{Class, Phase, Tracked};

use super::{Tracer, batch, clock::second, keeper::Shared};
use crate::model::{Connection, Namespace, Tuple};

/// The maps that tell.
pub(super) struct Connections {
    /// The map `SOCKETS`.
    pub sockets: Arc<MapData>,
    /// The map `OPENERS`.
    pub openers: Mutex<BpfHashMap<MapData, u32, [u64; 2]>>,
}

/// Looks at the set of a running tracer, from any thread.
#[derive(Clone)]
pub struct Observer(Arc<Shared>);

impl Tracer {
    /// A way to look at the set.
    #[must_use]
    pub fn observer(&self) -> Observer {
        Observer(Arc::clone(&self.shared))
    }
}

impl Observer {
    /// The namespaces that the tracer knows, in the order of names and numbers.
    #[must_use]
    pub fn namespaces(&self) -> Vec<Namespace> {
        self.0.directory.namespaces()
    }

    /// The connections of a tuple. Costs a look at every socket of the set: 0.1 µs each.
    ///
    /// # Errors
    /// When the kernel refuses to read the set.
    pub fn connections(&self, tuple: &Tuple) -> io::Result<Vec<Connection>> {
        let slots: Vec<u32> = self.slots(|found| found.is(tuple)).into_keys().collect();
        let mut connections = Vec::new();
        self.each(|slot, connection| {
            if slots.contains(&slot) {
                connections.push(connection);
            }
        })?;
        Ok(connections)
    }

    /// The connections of every tuple, in one look at every socket of the set.
    ///
    /// # Errors
    /// When the kernel refuses to read the set.
    pub fn all_connections(&self) -> io::Result<Vec<(Tuple, Vec<Connection>)>> {
        let mut by_slot: HashMap<u32, Vec<Connection>> = HashMap::new();
        self.each(|slot, connection| by_slot.entry(slot).or_default().push(connection))?;
        let mut tuples = self.slots(|_| true);
        let known = by_slot.into_iter();
        Ok(known
            .filter_map(|(slot, connections)| Some((tuples.remove(&slot)?, connections)))
            .collect())
    }

    /// The command name that a process had when it last connected; none where that was not seen, or
    /// too many others connected since.
    #[must_use]
    pub fn comm(&self, pid: u32) -> Option<String> {
        let openers = &self.0.connections.openers;
        let openers = openers.lock().unwrap_or_else(PoisonError::into_inner);
        let words = openers.get(&pid, 0).ok()?;
        let bytes = words.map(u64::to_ne_bytes).concat();
        let end = bytes.iter().position(|byte| *byte == 0);
        let name = bytes.get(..end.unwrap_or(bytes.len()))?;
        Some(String::from_utf8_lossy(name).into_owned())
    }

    /// The tuples that are wanted, by slot.
    fn slots(&self, wanted: impl Fn(&Tuple) -> bool) -> HashMap<u32, Tuple> {
        let Shared {
            table,
            directory,
            statistics,
            ..
        } = &*self.0;
        let stats = statistics.read();
        let held = table.held(&stats);
        held.map(|(slot, entry)| (slot, directory.tuple(&entry.key, 0)))
            .filter(|(_, tuple)| wanted(tuple))
            .collect()
    }

    /// Hands every autobound connection to `each`, with the slot of its tuple.
    fn each(&self, mut each: impl FnMut(u32, Connection)) -> io::Result<()> {
        let now = second();
        let sockets = self.0.connections.sockets.fd();
        batch::for_each(sockets, |_: u64, tracked: Tracked| {
            if tracked.class == Class::Autobound as u8 && tracked.phase != Phase::Failed as u8 {
                each(tracked.tuple, connection(&tracked, now));
            }
        })
    }
}

fn connection(tracked: &Tracked, now: u32) -> Connection {
    let connecting = tracked.phase == Phase::Connecting as u8;
    let opened = tracked.opened();
    Connection {
        port: if connecting { 0 } else { tracked.local_port },
        time_wait: tracked.phase == Phase::TimeWait as u8,
        opener: (tracked.opener != 0).then_some(tracked.opener),
        age: (opened != 0).then(|| Duration::from_secs(now.saturating_sub(opened).into())),
    }
}
