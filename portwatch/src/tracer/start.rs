//! Starting a tracer: attach first, then take in what already exists.

use std::{collections::VecDeque, os::fd::AsFd, sync::Arc};

use aya::maps::{MapData, PerCpuArray, RingBuf};
use tokio::sync::mpsc;

use super::{
    Options, Tracer, TracerError,
    bpf_log::BpfLog,
    choice::choose,
    directory::Directory,
    health::Health,
    keeper::{Keeper, Shared, Work},
    machine::Machine,
    namespaces::Namespaces,
    object::{Object, Purpose},
    plan::Plan,
    programs::{Programs, counters},
    sample::{sample, worst_first},
    slots::Slots,
    statistics::Statistics,
    stream::{ring_reader, ticks},
    sweep::Sweeper,
    table::Table,
    tally::{Tally, entries},
};
use crate::{
    kernel::host,
    model::{Forecast, Started, TupleSample},
};

impl Tracer {
    /// Loads and attaches the kernel side, then takes in every socket that exists. To be called
    /// inside a tokio runtime. `want_samples`: whether every tick is to carry all tuples.
    ///
    /// # Errors
    /// [`TracerError`]; nothing stays attached then.
    pub fn start(options: &Options, want_samples: bool) -> Result<Self, TracerError> {
        let machine = Machine::read()?;
        let plan = choose(options, &machine)?;
        let mut object = Object::new(&Purpose::Trace(&plan), options, &machine)?;
        plan.load(&mut object, &machine)?;
        drop(machine);
        give_back_memory();
        let programs = program_counters(&mut object, &plan)?;
        let slots = Slots::new(&mut object, options.max_tuples, options.interval)?;
        let sweeper = Sweeper::new(&mut object, plan.time_wait)?;
        let shared = Arc::new(shared(&mut object, options)?);
        let ring: RingBuf<MapData> = object.take_map("EVENTS")?;
        let namespaces = Namespaces::new(&mut object)?;
        let interval = options.sweep_interval;
        let mut work = Work {
            object,
            shared: Arc::clone(&shared),
            slots,
            sweeper,
            namespaces,
            stop: Arc::default(),
            permille: (options.warning_permille, options.critical_permille),
            sweep_interval: interval.unwrap_or(plan.time_wait.default_sweep_interval()),
        };
        let bpf_log = match options.bpf_log {
            0 => None,
            _ => Some(BpfLog::start(&mut work.object)?),
        };
        // The namespaces first, so that a tuple that is seen at once has its capacity.
        work.refresh()?;
        plan.attach(&mut work.object)?;
        work.sweeper
            .note_unseeded(work.namespaces.found.keys().copied());
        work.walk()?;
        work.refresh()?;
        let io = |what: &str, error: &std::io::Error| TracerError::from_io(what, error);
        let ring = ring_reader(ring).map_err(|error| io("waiting for the ring buffer", &error))?;
        let stats = shared.statistics.read();
        let health = Health::new(stats, options.max_sockets, options.max_tuples);
        let started = started(&plan, &shared);
        let (reporter, reports) = mpsc::unbounded_channel();
        let keeper =
            Keeper::start(work, reporter).map_err(|error| io("starting a thread", &error))?;
        Ok(Self {
            started: Some(started),
            ring,
            shared,
            keeper,
            reports,
            tally: Tally::new(health, want_samples),
            ticks: ticks(options.interval),
            taken: VecDeque::new(),
            ready: VecDeque::new(),
            programs,
            _bpf_log: bpf_log,
        })
    }
}

/// Gives the memory that the kernel's type information took back to the system: the allocator
/// would keep it for the life of a process that never needs as much again.
fn give_back_memory() {
    // SAFETY: takes a number and touches only the allocator's own memory.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0)
    };
}

/// Maps the counters and takes the statistics.
pub(super) fn shared(object: &mut Object, options: &Options) -> Result<Shared, TracerError> {
    let data = object.take_data("TUPLES")?;
    let table = Table::map(data.fd().as_fd(), options.max_tuples)
        .map_err(|error| TracerError::from_io("mapping the counters", &error))?;
    let statistics: PerCpuArray<MapData, _> = object.take_map("STATS")?;
    Ok(Shared {
        table,
        directory: Directory::default(),
        statistics: Statistics(statistics),
    })
}

/// A way to read the counters of the attached programs, which the keeper's thread owns.
fn program_counters(
    object: &mut Object,
    plan: &Plan,
) -> Result<Box<dyn Fn() -> Programs + Send>, TracerError> {
    let mut descriptors = Vec::new();
    for attachment in &plan.attachments {
        descriptors.push((attachment.program, attachment.fd(object)?));
    }
    Ok(Box::new(move || {
        descriptors
            .iter()
            .map(|(name, fd)| ((*name).to_owned(), counters(fd)))
            .collect()
    }))
}

/// What the start found.
fn started(plan: &Plan, shared: &Shared) -> Started {
    let stats = shared.statistics.read();
    let entries = entries(shared, &stats);
    let mut tuples: Vec<TupleSample> = entries
        .iter()
        .filter(|(_, entry)| entry.used > 0)
        .map(|(_, entry)| sample(&shared.directory, entry, Forecast::default()))
        .collect();
    worst_first(&mut tuples);
    Started {
        hooks: plan.hooks.name(),
        kernel: host::kernel_release(),
        blind_spots: plan.blind_spots.clone(),
        namespaces: shared.directory.namespaces(),
        sockets: tuples
            .iter()
            .map(|sample| u64::from(sample.usage.used))
            .sum(),
        tuples,
    }
}
