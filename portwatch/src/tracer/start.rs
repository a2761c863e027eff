//! Starting a tracer: attach first, then take in what already exists.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::{
    Options, Ports, Surveyor, Tracer, TracerError,
    assembly::{Assembly, Descriptors},
    bpf_log::BpfLog,
    choice::choose,
    clock::monotonic_ns,
    health::Health,
    keeper::{Keeper, Shared},
    machine::Machine,
    memory::Memory,
    plan::Plan,
    programs::{Programs, counters},
    sample::{sample, usage},
    stream::{ring_reader, ticks},
    tally::{Tally, entries},
};
use crate::{
    kernel::host,
    model::{Forecast, Started, TupleSample, worst_first},
};

/// What loading a kernel side takes to know of this machine: read once, and tens of megabytes, not to be
/// kept.
pub struct Loader {
    machine: Machine,
    options: Options,
}

impl Loader {
    /// Reads the kernel's type information.
    ///
    /// # Errors
    /// [`TracerError`]: none there, or not as the kernel side needs it.
    pub fn new(options: &Options) -> Result<Self, TracerError> {
        Ok(Self {
            machine: Machine::read_ahead()?,
            options: options.clone(),
        })
    }

    /// Loads and attaches the programs that follow connections.
    ///
    /// # Errors
    /// [`TracerError`]; nothing stays attached then.
    pub fn attach(&self) -> Result<Attached, TracerError> {
        Ok(Attached {
            assembly: choose(&self.options, &self.machine)?,
            options: self.options.clone(),
            taken_in: false,
        })
    }

    /// Loads those that read the ports of a tuple.
    ///
    /// # Errors
    /// As [`Ports::load`].
    pub fn ports(&self) -> Result<Ports, TracerError> {
        Ports::on(&self.machine)
    }

    /// Loads those that count every socket.
    ///
    /// # Errors
    /// As [`Surveyor::load`].
    pub fn surveyor(&self) -> Result<Surveyor, TracerError> {
        Surveyor::on(&self.machine, &self.options)
    }
}

/// A kernel side that is loaded and attached and that nobody follows yet. No thread runs for it, and
/// from here on nothing more is loaded. Dropping it detaches every program.
pub struct Attached {
    assembly: Assembly,
    options: Options,
    taken_in: bool,
}

impl Attached {
    /// Loads and attaches the kernel side.
    ///
    /// # Errors
    /// [`TracerError`]; nothing stays attached then.
    pub fn new(options: &Options) -> Result<Self, TracerError> {
        let attached = Loader::new(options)?.attach()?;
        give_back_memory();
        Ok(attached)
    }

    /// Takes in every socket that exists. Who has something else to do meanwhile calls this before
    /// [`Self::follow`], on a thread beside; no thread runs when it is done.
    ///
    /// # Errors
    /// [`TracerError`].
    pub fn take_in(&mut self) -> Result<(), TracerError> {
        let work = &mut self.assembly.work;
        work.sweeper
            .note_unseeded(work.namespaces.found.keys().copied());
        let began = Instant::now();
        work.walk()?;
        work.walked = began.elapsed();
        self.taken_in = true;
        work.refresh()
    }

    /// Takes in every socket that exists, if that has not been done, and follows what happens. To be
    /// called inside a tokio runtime.
    ///
    /// # Errors
    /// [`TracerError`]; nothing stays attached then.
    pub fn follow(mut self) -> Result<Tracer, TracerError> {
        let bpf_log = match self.options.bpf_log {
            0 => None,
            _ => Some(BpfLog::start(&mut self.assembly.work.object)?),
        };
        if !self.taken_in {
            self.take_in()?;
        }
        let Self {
            assembly, options, ..
        } = self;
        let Assembly {
            plan,
            work,
            ring,
            programs,
        } = assembly;
        let shared = Arc::clone(&work.shared);
        let io = |what: &str, error: &std::io::Error| TracerError::from_io(what, error);
        let ring = ring_reader(ring).map_err(|error| io("waiting for the ring buffer", &error))?;
        let stats = shared.statistics.read();
        let health = Health::new(stats, options.max_sockets, options.max_tuples);
        let started = started(&plan, &shared);
        let (reporter, reports) = mpsc::unbounded_channel();
        let keeper =
            Keeper::start(work, reporter).map_err(|error| io("starting a thread", &error))?;
        Ok(Tracer {
            started: Some(started),
            ring,
            shared,
            keeper,
            reports,
            tally: Tally::new(health, options.eta_warning),
            ticks: ticks(options.interval),
            taken: VecDeque::new(),
            ready: VecDeque::new(),
            programs: reader(programs),
            _bpf_log: bpf_log,
        })
    }
}

impl Tracer {
    /// Attaches and follows, see [`Attached`].
    ///
    /// # Errors
    /// [`TracerError`]; nothing stays attached then.
    pub fn start(options: &Options) -> Result<Self, TracerError> {
        Attached::new(options)?.follow()
    }
}

/// Gives memory that is free now back to the system, such as the kernel's type information took: the
/// allocator would keep it for the life of a process that never needs as much again.
pub fn give_back_memory() {
    // SAFETY: takes a number and touches only the allocator's own memory.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0)
    };
}

/// Size from which on a piece of memory is no part of the heap.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 256 * 1024;

/// Has all threads of the process take their memory from one heap, before any is started: what another
/// thread's heap has free at its end is never given back. And only what is small: a list that grows
/// would leave each of its former places behind as a hole, for the allocator raises its own limit to
/// the size of whatever was freed, and the start frees tens of megabytes.
pub fn spare_memory() {
    // SAFETY: takes two numbers and touches only the allocator's own memory.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE)
    };
}

/// A way to read the counters of the attached programs, which the keeper's thread owns.
fn reader(programs: Descriptors) -> Box<dyn Fn() -> Programs + Send> {
    Box::new(move || {
        programs
            .iter()
            .map(|(name, fd)| ((*name).to_owned(), counters(fd)))
            .collect()
    })
}

/// What the start found.
fn started(plan: &Plan, shared: &Shared) -> Started {
    let stats = shared.statistics.read();
    let entries = entries(shared, &stats);
    let now = Duration::from_nanos(monotonic_ns());
    let mut tuples: Vec<TupleSample> = entries
        .iter()
        .filter(|(_, entry)| entry.used > 0)
        .map(|(_, entry)| {
            let usage = usage(entry.used, entry.time_wait, entry.capacity);
            let reuse_after = shared.directory.reuse_after(&entry.key);
            let usage = Memory::default().note(now, &usage, Some(entry), reuse_after);
            sample(&shared.directory, entry, usage, Forecast::default())
        })
        .collect();
    worst_first(&mut tuples);
    Started {
        hooks: plan.hooks.name().to_owned(),
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
