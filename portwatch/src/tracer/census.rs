//! One look at every socket that exists: what `check` needs, without following anything.

use std::collections::HashMap;

use aya::maps::PerCpuArray;
use portwatch_common::{Census, PortRow, TupleKey};
use zerocopy::FromZeros;

use super::{
    Options, TracerError, batch,
    directory::Directory,
    exact::{Numbered, Ports, complete},
    free::walk_settings,
    machine::Machine,
    netns::{Found, list},
    object::{Object, Purpose},
    oracle::SCAN,
    plan::load_walk,
    sample::usage,
    statistics::Statistics,
    walk::rows,
};
use crate::{
    kernel::netns::{Discovery, Netns},
    model::{Forecast, Namespace, NetnsId, States, TupleSample},
};

/// Every tuple in use, at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The namespaces that were walked.
    pub namespaces: Vec<Namespace>,
    /// The namespaces that could not be walked, and why.
    pub unreachable: Vec<(NetnsId, String)>,
    /// The tuples, in no order, with their states.
    pub tuples: Vec<TupleSample>,
    /// Namespaces whose blocked ports were not counted, because there are too many namespaces.
    pub unasked: usize,
    /// Connections that were not counted because there are more tuples than
    /// [`Options::max_tuples`].
    pub uncounted: u64,
}

/// Walks over the sockets of every namespace that is `wanted` and counts them in the kernel.
///
/// # Errors
/// [`TracerError`]: no privileges, an unfitting kernel, a refusal. A namespace that can't be
/// walked is no error, it is in the result.
pub fn census(
    options: &Options,
    wanted: impl Fn(&NetnsId) -> bool,
) -> Result<Snapshot, TracerError> {
    let machine = Machine::read()?;
    let mut object = Object::new(&Purpose::Census, options, &machine)?;
    load_walk(&mut object, &machine, "walk_count")?;
    for name in ["netns_list", "netns_reserved", SCAN] {
        object.load_on_demand(name)?;
    }
    let found = list(&mut object, &HashMap::new())?;
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
            Some(netns) => count(&mut object, found, netns).map_err(|error| error.to_string()),
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
    let ports = Ports::new(ports);
    let mut tuples = collect(&mut object, &mut snapshot, &ports)?;
    let namespaces = &mut snapshot.namespaces;
    snapshot.unasked = complete(&mut object, &found, namespaces, &mut tuples, &ports)?;
    snapshot.tuples = tuples.into_iter().map(|(sample, _)| sample).collect();
    Ok(snapshot)
}

/// Counts the sockets of a namespace; the port of each that counts comes back.
fn count(object: &mut Object, found: &Found, netns: &Netns) -> Result<Vec<PortRow>, TracerError> {
    object.set_element("WALK", walk_settings(found, TupleKey::new_zeroed()))?;
    rows(object, "walk_count", netns)
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

/// Reads what the walks counted.
fn collect(
    object: &mut Object,
    snapshot: &mut Snapshot,
    ports: &Ports,
) -> Result<Vec<Numbered>, TracerError> {
    let statistics = Statistics(object.take_map::<PerCpuArray<_, _>>("STATS")?.into());
    snapshot.uncounted = statistics.read().tuples_full;
    let directory = Directory::default();
    directory.replace(
        snapshot
            .namespaces
            .iter()
            .map(|namespace| (namespace.id.cookie, namespace.clone()))
            .collect(),
    );
    let census = object.take_data("CENSUS")?;
    let mut tuples = Vec::new();
    batch::for_each(census.fd(), |key: TupleKey, census: Census| {
        let mut sample = sample(&directory, &key, &census);
        sample.usage.reclaimable = Some(ports.reclaimable(census.index));
        // One that the buffer of its only record had no room for has not counted yet.
        if sample.usage.used > 0 {
            tuples.push((sample, census.index));
        }
    })
    .map_err(|error| TracerError::from_io("reading the map CENSUS", &error))?;
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
