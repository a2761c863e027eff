use std::{
    cell::RefCell,
    io,
    panic::resume_unwind,
    path::{Path, PathBuf},
    pin::pin,
    rc::Rc,
    thread,
};

use anyhow::{Context, Result};
use jiff::Timestamp;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::yield_now,
};

use super::{
    config, confine,
    event_log::EventLog,
    exposure::Exposure,
    http,
    inquiries::{Instruments, Office},
    manager::Manager,
    scout::Scout,
    stream::Stream,
    vitals::Watch,
};
use crate::{
    cli::{DaemonArgs, SOCKET, SocketAt, file::Merged},
    commands::{
        end::End,
        select,
        tracing::{item, options},
    },
    exit::Exit,
    model::{Event, EventKind, Filter, Item, Ledger, Ratios},
    tracer::{Attached, Loader, Options, Tick, Tracer, Update, give_back_memory, spare_memory},
};

const PROC: &str = "/proc";
/// Ticks between two times that memory is given back, from the second one on: the start takes more than
/// what follows, and so do many readers.
const TRIMS: u64 = 300;

/// The running daemon.
pub(super) struct Service {
    /// What the command line says.
    given: DaemonArgs,
    /// What it was started with, the file's part included.
    initial: Merged,
    /// The same of what can be changed and is in force.
    merged: Merged,
    filter: Filter,
    tracer: Tracer,
    scout: Scout,
    ledger: Ledger,
    watch: Watch,
    log: EventLog,
    manager: Manager,
    exposure: http::Shared,
    stream: Option<Stream>,
    hangup: Signal,
    ticks: u64,
}

impl Service {
    /// Starts everything. To be called inside a `LocalSet`.
    ///
    /// # Errors
    /// What can't be started; nothing stays behind then.
    pub async fn start(given: DaemonArgs, merged: Merged) -> Result<Self> {
        spare_memory();
        let args = &merged.args;
        let hangup = signal(SignalKind::hangup()).context("cannot wait for signals")?;
        let filter = select::filter(&args.tuples)?;
        let listeners = http::bind(&args.listen).await?;
        let mut stream = stream(&args.socket, merged.ratios)?;
        let exposure = Rc::new(RefCell::new(Exposure::new(args.tracer.interval)));
        let log = EventLog::new(args.log_form, filter.clone(), merged.ratios);
        let options = options(&args.tracer, merged.ratios, args.eta_warning.0);
        let (attached, instruments) = load(&options, stream.is_some())?;
        if args.confinement {
            confine::process()?;
        } else {
            log::warn!("it keeps every privilege that it was given (confinement is off)");
        }
        let mut tracer = attached.follow()?;
        // Whoever waits for the first count need not wait for an interval's end.
        tracer.look_now();
        let scout = || Scout::start().context("cannot start a thread");
        if let Some((stream, instruments)) = stream.as_mut().zip(instruments) {
            stream.answer_with(Office::new(scout()?, instruments, tracer.observer()));
        }
        let scout = scout()?;
        if args.confinement {
            let socket = stream.as_ref().map(Stream::path);
            confine::this_thread(&files(&given, socket))?;
        }
        http::serve(listeners, &exposure);
        Ok(Self {
            filter,
            tracer,
            scout,
            ledger: Ledger::new(),
            watch: Watch::new(&args.tracer),
            log,
            manager: Manager::new(),
            exposure,
            stream,
            hangup,
            ticks: 0,
            given,
            initial: merged.clone(),
            merged,
        })
    }

    /// Serves until the end.
    ///
    /// # Errors
    /// When the tracer can't go on.
    pub async fn run(mut self, end: impl Future<Output = io::Result<End>>) -> Result<Exit> {
        let mut end = pin!(end);
        loop {
            tokio::select! {
                biased;
                ended = &mut end => {
                    ended.context("cannot wait for signals")?;
                    break;
                }
                _ = self.hangup.recv() => self.reload(),
                () = self.manager.watchdog() => {
                    if self.exposure.borrow().is_counting() {
                        self.manager.alive();
                    }
                }
                update = self.tracer.next() => {
                    match update.context("cannot read events")? {
                        Update::Event(event) => self.event(&event),
                        Update::Tick(tick) => self.tick(tick),
                    }
                    // However many come at once, clients get their turn in between.
                    yield_now().await;
                }
            }
        }
        self.manager.stopping();
        for event in self.tracer.settle() {
            self.event(&event);
        }
        if let Some(stream) = self.stream {
            stream.end().await;
        }
        Ok(Exit::Ok)
    }

    fn event(&mut self, event: &Event) {
        if let EventKind::Started(started) = &event.kind {
            self.watch.started(started);
            if let Some(stream) = &mut self.stream {
                stream.started(event);
            }
        }
        if let Some(stream) = &mut self.stream {
            stream.event(event);
        }
        self.ledger.event(event, &self.filter);
        self.log.event(event);
    }

    fn tick(&mut self, tick: Box<Tick>) {
        self.ticks += 1;
        if self.ticks % TRIMS == 2 {
            give_back_memory();
        }
        let standing = self.ledger.interval(
            Timestamp::now(),
            &tick.samples,
            &tick.growths,
            &tick.binds,
            &self.filter,
            self.merged.args.top,
        );
        let vitals = self.watch.look(&tick, self.merged.ratios);
        self.manager.counted(&standing);
        let mut exposure = self.exposure.borrow_mut();
        exposure.update(standing, vitals, tick.sweeps.failed);
        drop(exposure);
        self.log.flush();
        if let Some(stream) = &mut self.stream {
            if !stream.is_read() {
                stream.rest();
            } else if let Item::Interval(interval) = item(Update::Tick(tick)) {
                let observer = self.tracer.observer();
                stream.interval(interval, self.merged.ratios, || observer.namespaces());
            }
        }
    }

    /// Reads the file again. Where anything is wrong with it, all stays as it was.
    fn reload(&mut self) {
        self.manager.reloading();
        match self.read_again() {
            Ok(()) => log::info!("the options have been read again"),
            Err(error) => log::error!("the options stay as they were: {error:#}"),
        }
        self.manager.reloaded();
    }

    fn read_again(&mut self) -> Result<()> {
        let merged = config::load(&self.given)?;
        let tuples = merged.args.tuples.clone();
        let filter = self.scout.send(move || select::filter(&tuples))??;
        let waiting = self.initial.needing_restart(&merged);
        if !waiting.is_empty() {
            log::warn!("a restart is needed for {}", waiting.join(", "));
        }
        let args = &merged.args;
        self.tracer
            .set_thresholds(merged.ratios, args.eta_warning.0);
        self.log
            .change(args.log_form, filter.clone(), merged.ratios);
        self.filter = filter;
        self.merged = merged;
        Ok(())
    }
}

/// Loads what follows connections, and, where they are wanted, the programs for a closer look while
/// the sockets are taken in that exist: nothing can be loaded after this, and nothing counts before
/// all are there.
fn load(options: &Options, closer: bool) -> Result<(Attached, Option<Instruments>)> {
    let loader = Loader::new(options)?;
    let mut attached = loader.attach()?;
    let beside = move || {
        let instruments = closer.then(|| Instruments::load(&loader)).transpose();
        drop(loader);
        give_back_memory();
        instruments
    };
    let (taken_in, instruments) = thread::scope(|scope| {
        let instruments = scope.spawn(beside);
        (attached.take_in(), instruments.join())
    });
    taken_in?;
    let instruments = instruments.unwrap_or_else(|panic| resume_unwind(panic));
    Ok((attached, instruments?))
}

/// The socket, where there is to be one.
fn stream(place: &SocketAt, ratios: Ratios) -> Result<Option<Stream>> {
    match place {
        SocketAt::Off => Ok(None),
        SocketAt::Path(path) => Stream::start(path, ratios).map(Some),
        SocketAt::Auto => Ok(Stream::start(Path::new(SOCKET), ratios)
            .inspect_err(|error| log::warn!("no socket for other commands: {error:#}"))
            .ok()),
    }
}

/// What the thread that serves needs beside the files that it has open: who failed, how its programs
/// do, and the file of options again; and the place of the socket, to remove it.
fn files(given: &DaemonArgs, socket: Option<&Path>) -> confine::Files {
    let mut read = config::directories(given);
    read.push(PathBuf::from(PROC));
    confine::Files {
        read,
        remove: socket
            .and_then(Path::parent)
            .map(PathBuf::from)
            .into_iter()
            .collect(),
    }
}
