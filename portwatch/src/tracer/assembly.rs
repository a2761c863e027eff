//! A hook set put together: loaded, attached, and proved.

use std::{
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex},
    time::Duration,
};

use aya::{
    maps::{MapData, PerCpuArray, RingBuf},
    sys::{Stats, enable_stats},
};

use super::{
    Options, TracerError,
    attachment::descriptor,
    bind_counts::BindCounts,
    blocked::Blocked,
    connections::Connections,
    directory::Directory,
    keeper::{Shared, Work},
    machine::Machine,
    namespaces::Namespaces,
    object::{Object, Purpose},
    plan::Plan,
    slots::Slots,
    statistics::Statistics,
    sweep::Sweeper,
    table::Table,
    trampoline, trial,
};

/// The attached programs by name, with a descriptor each that outlives whoever owns them.
pub(super) type Descriptors = Vec<(&'static str, OwnedFd)>;

/// A kernel side at work, which nobody reads yet.
pub(super) struct Assembly {
    pub plan: Plan,
    pub work: Work,
    pub ring: RingBuf<MapData>,
    pub programs: Descriptors,
}

impl Assembly {
    /// Loads and attaches a plan's programs and tries them.
    ///
    /// # Errors
    /// [`TracerError`]: a refusal, or a hook that does not do its work. Nothing stays attached
    /// then.
    pub fn new(plan: Plan, options: &Options, machine: &Machine) -> Result<Self, TracerError> {
        trampoline::require(&plan, machine)?;
        let mut object = Object::new(&Purpose::Trace(&plan), options, machine)?;
        plan.load(&mut object, machine)?;
        let programs = descriptors(&plan, &mut object)?;
        let slots = Slots::new(&mut object, options.max_tuples, options.interval)?;
        let shared = Arc::new(shared(&mut object, options)?);
        let sockets = Arc::clone(&shared.connections.sockets);
        let sweeper = Sweeper::new(&mut object, sockets, plan.time_wait)?;
        let mut ring = object.take_map("EVENTS")?;
        let namespaces = Namespaces::new(&mut object)?;
        let sweep_interval = options.sweep_interval;
        let mut work = Work {
            object,
            shared,
            slots,
            sweeper,
            namespaces,
            blocked: Blocked::default(),
            stop: Arc::default(),
            walked: Duration::ZERO,
            sweep_interval: sweep_interval.unwrap_or(plan.time_wait.default_sweep_interval()),
        };
        // The namespaces first, so that a tuple that is seen at once has its capacity.
        work.refresh()?;
        // Only while somebody asks does the kernel count runs.
        let counting = enable_stats(Stats::RunTime).ok();
        plan.attach(&mut work.object)?;
        trial::run(&plan, &work.shared, &programs, counting.is_some())?;
        trial::forget(&mut ring, &mut work)?;
        Ok(Self {
            plan,
            work,
            ring,
            programs,
        })
    }
}

/// Maps the counters and takes the statistics.
fn shared(object: &mut Object, options: &Options) -> Result<Shared, TracerError> {
    let data = object.take_data("TUPLES")?;
    let table = Table::map(data.fd().as_fd(), options.max_tuples)
        .map_err(|error| TracerError::from_io("mapping the counters", &error))?;
    let statistics: PerCpuArray<MapData, _> = object.take_map("STATS")?;
    Ok(Shared {
        table,
        directory: Directory::default(),
        statistics: Statistics(statistics.into()),
        connections: Connections {
            sockets: object.take_data("SOCKETS").map(Arc::new)?,
            openers: object.take_map("OPENERS").map(Mutex::new)?,
        },
        binds: BindCounts(object.take_map("BINDS").map(Mutex::new)?),
        ratios: options.ratios.into(),
    })
}

fn descriptors(plan: &Plan, object: &mut Object) -> Result<Descriptors, TracerError> {
    plan.attachments
        .iter()
        .map(|attachment| {
            let name = attachment.program;
            Ok((name, descriptor(object, name)?))
        })
        .collect()
}
