//! A look at every socket that exists: what `check` needs, without following anything.

use std::collections::HashMap;

use aya::maps::{HashMap as BpfHashMap, IterableMap as _, MapData, MapError, PerCpuArray};
use portwatch_common::{Census, Control, Look, PortRow, TupleKey};
use zerocopy::FromZeros;

use super::{
    Options, TracerError, batch,
    directory::Directory,
    exact::{Numbered, PortRows, complete},
    left_out,
    machine::Machine,
    netns::{Found, list},
    object::{Object, Purpose},
    plan::{LOOK, load_walk},
    pod::Plain,
    ports::walk_settings,
    sample::usage,
    statistics::Statistics,
    walk::walk,
};
use crate::{
    kernel::netns::{Discovery, Netns},
    model::{Forecast, Namespace, NetnsId, Snapshot, States, TupleSample},
};

/// What an error of reading the counts is told with.
const READING: &str = "reading the map CENSUS";

/// The map `CENSUS`.
type Counts = BpfHashMap<MapData, Plain<TupleKey>, Plain<Census>>;

/// The programs that count every socket, loaded. They can be asked any number of times, also by a
/// process that may load nothing any more; each answer is of its own moment.
pub struct Surveyor {
    object: Object,
    counts: Counts,
    statistics: Statistics,
}

impl Surveyor {
    /// Loads the programs.
    ///
    /// # Errors
    /// [`TracerError`]: no privileges, an unfitting kernel, a refusal.
    pub fn load(options: &Options) -> Result<Self, TracerError> {
        Self::on(&Machine::read()?, options)
    }

    pub(super) fn on(machine: &Machine, options: &Options) -> Result<Self, TracerError> {
        let mut object = Object::new(&Purpose::Census, options, machine)?;
        load_walk(&mut object, machine, "walk_count")?;
        for name in LOOK {
            object.load_on_demand(name)?;
        }
        Ok(Self {
            counts: object.take_map("CENSUS")?,
            statistics: Statistics(object.take_map::<PerCpuArray<_, _>>("STATS")?.into()),
            object,
        })
    }

    /// Walks over the sockets of every namespace that is `wanted` and counts them in the kernel.
    ///
    /// # Errors
    /// [`TracerError`]: a refusal. A namespace that can't be walked is no error, it is in the
    /// result.
    pub fn survey(&mut self, wanted: impl Fn(&NetnsId) -> bool) -> Result<Snapshot, TracerError> {
        self.forget()?;
        let before = self.statistics.read().tuples_full;
        let found = list(&mut self.object, &HashMap::new())?;
        let discovery = discover(&found)
            .map_err(|error| TracerError::from_io("looking for network namespaces", &error))?;
        let mut snapshot = Snapshot::default();
        let mut ports = Vec::new();
        for found in found.values() {
            let netns = discovery.namespaces.get(&found.inum);
            let namespace = namespace(found, netns);
            if !wanted(&namespace.id) {
                continue;
            }
            let walked = match netns {
                Some(netns) => self.count(found, netns).map_err(|error| error.to_string()),
                None => Err("no process, name or descriptor leads there".to_owned()),
            };
            match walked {
                Ok(rows) => {
                    snapshot.namespaces.push(namespace);
                    ports.extend(rows);
                }
                Err(reason) => snapshot.unreachable.push((namespace.id, reason)),
            }
        }
        snapshot.uncounted = self.statistics.read().tuples_full.saturating_sub(before);
        let ports = PortRows::new(ports);
        let mut tuples = collect(&self.counts, &snapshot.namespaces, &ports)?;
        let namespaces = &mut snapshot.namespaces;
        snapshot.unasked = complete(&mut self.object, &found, namespaces, &mut tuples, &ports)?;
        snapshot.tuples = tuples.into_iter().map(|(sample, _)| sample).collect();
        Ok(snapshot)
    }

    /// Counts the sockets of a namespace; the port of each that counts comes back.
    fn count(&mut self, found: &Found, netns: &Netns) -> Result<Vec<PortRow>, TracerError> {
        let object = &mut self.object;
        object.set_element("WALK", walk_settings(found, TupleKey::new_zeroed()))?;
        let walked = walk(object, "walk_count", netns)?;
        let mut rows = walked.rows;
        for look in left_out::look(object, found.net, walked.left_out)? {
            if look.autobound != 0 && look.key.netns == found.cookie {
                self.add(&look, &mut rows)?;
            }
        }
        Ok(rows)
    }

    /// Adds a connection to those that the walk has counted, if it is not one of them.
    fn add(&mut self, look: &Look, rows: &mut Vec<PortRow>) -> Result<(), TracerError> {
        let counted = self.counts.get(&Plain(look.key), 0);
        let mut census = match counted {
            Ok(Plain(census)) => census,
            Err(MapError::KeyNotFound) => {
                let mut control: Control = self.object.element("CONTROL")?;
                let index = control.census_tuples;
                control.census_tuples += 1;
                self.object.set_element("CONTROL", control)?;
                Census {
                    index,
                    ..Census::default()
                }
            }
            Err(error) => return Err(TracerError::from_aya(READING, &error)),
        };
        let row = PortRow {
            tuple: census.index,
            port: look.local_port,
            reclaimable: look.reclaimable.into(),
        };
        let is_same = |other: &PortRow| (other.tuple, other.port) == (row.tuple, row.port);
        let Some(count) = census.states.get_mut(usize::from(look.state)) else {
            return Ok(());
        };
        if rows.iter().any(is_same) {
            return Ok(());
        }
        *count += 1;
        census.time_wait += u32::from(look.time_wait);
        rows.push(row);
        self.counts
            .insert(Plain(look.key), Plain(census), 0)
            .map_err(|error| TracerError::from_aya("writing the map CENSUS", &error))
    }

    /// Empties the map of counts, and has the tuples numbered from 0 again.
    fn forget(&mut self) -> Result<(), TracerError> {
        let mut keys: Vec<TupleKey> = Vec::new();
        batch::for_each(self.counts.map().fd(), |key, _: Census| keys.push(key))
            .map_err(|error| TracerError::from_io(READING, &error))?;
        for key in keys {
            self.counts
                .remove(&Plain(key))
                .map_err(|error| TracerError::from_aya("emptying the map CENSUS", &error))?;
        }
        let control: Control = self.object.element("CONTROL")?;
        let control = Control {
            census_tuples: 0,
            ..control
        };
        self.object.set_element("CONTROL", control)
    }
}

/// Ways into the namespaces, looking no deeper than it takes to find all of them.
fn discover(found: &HashMap<u64, Found>) -> std::io::Result<Discovery> {
    let mut discovery = Discovery::new()?;
    if found
        .values()
        .any(|found| !discovery.namespaces.contains_key(&found.inum))
    {
        discovery.deepen()?;
    }
    Ok(discovery)
}

fn namespace(found: &Found, netns: Option<&Netns>) -> Namespace {
    Namespace {
        id: NetnsId {
            name: netns.and_then(|netns| netns.name.clone()),
            inum: found.inum,
            cookie: found.cookie,
        },
        range: found.range,
        reserved: found.reserved,
        blocked: None,
        tw_reuse: found.tw_reuse(),
        tw_reuse_delay: found.tw_reuse_delay(),
        timestamps: Some(found.timestamps),
        unreachable: None,
    }
}

/// Reads what the walks over these namespaces counted.
fn collect(
    counts: &Counts,
    namespaces: &[Namespace],
    ports: &PortRows,
) -> Result<Vec<Numbered>, TracerError> {
    let directory = Directory::default();
    directory.replace(
        namespaces
            .iter()
            .map(|namespace| (namespace.id.cookie, namespace.clone()))
            .collect(),
    );
    let mut tuples = Vec::new();
    batch::for_each(counts.map().fd(), |key: TupleKey, census: Census| {
        let mut sample = sample(&directory, &key, &census);
        sample.usage.reclaimable = Some(ports.reclaimable(census.index));
        // One that the buffer of its only record had no room for has not counted yet.
        if sample.usage.used > 0 {
            tuples.push((sample, census.index));
        }
    })
    .map_err(|error| TracerError::from_io(READING, &error))?;
    Ok(tuples)
}

fn sample(directory: &Directory, key: &TupleKey, census: &Census) -> TupleSample {
    let used: u32 = census.states.iter().sum();
    let signed = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    TupleSample {
        tuple: directory.tuple(key, 0),
        usage: usage(
            signed(used),
            signed(census.time_wait),
            directory.capacity(key.netns),
        ),
        forecast: Forecast::default(),
        first_seen: None,
        opened: 0,
        exhausted: 0,
        conflict: 0,
        slowest_search: None,
        untracked: 0,
        states: Some(States(census.states)),
    }
}
