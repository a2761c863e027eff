use std::{cell::RefCell, io, pin::pin, rc::Rc};

use anyhow::{Context, Result};
use jiff::Timestamp;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::yield_now,
};

use super::{
    config, event_log::EventLog, exposure::Exposure, http, manager::Manager, vitals::Watch,
};
use crate::{
    cli::{DaemonArgs, file::Merged},
    commands::{end::End, select, tracing::options},
    exit::Exit,
    model::{Event, EventKind, Filter, Ledger},
    tracer::{Tick, Tracer, Update},
};

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
    ledger: Ledger,
    watch: Watch,
    log: EventLog,
    manager: Manager,
    exposure: http::Shared,
    hangup: Signal,
}

impl Service {
    /// Starts everything. To be called inside a `LocalSet`.
    ///
    /// # Errors
    /// What can't be started; nothing stays behind then.
    pub async fn start(given: DaemonArgs, merged: Merged) -> Result<Self> {
        let args = &merged.args;
        let hangup = signal(SignalKind::hangup()).context("cannot wait for signals")?;
        let filter = select::filter(&args.tuples)?;
        let listeners = http::bind(&args.listen).await?;
        let exposure = Rc::new(RefCell::new(Exposure::new(args.tracer.interval)));
        let tracer = Tracer::start(
            &options(&args.tracer, merged.ratios, args.eta_warning.0),
            true,
        )?;
        http::serve(listeners, &exposure);
        Ok(Self {
            filter: filter.clone(),
            tracer,
            ledger: Ledger::new(),
            watch: Watch::new(&args.tracer),
            log: EventLog::new(args.log_form, filter, merged.ratios),
            manager: Manager::new(),
            exposure,
            hangup,
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
                        Update::Tick(tick) => self.tick(&tick),
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
        Ok(Exit::Ok)
    }

    fn event(&mut self, event: &Event) {
        if let EventKind::Started(started) = &event.kind {
            self.watch.started(started);
        }
        self.ledger.event(event, &self.filter);
        self.log.event(event);
    }

    fn tick(&mut self, tick: &Tick) {
        let standing = self.ledger.interval(
            Timestamp::now(),
            &tick.samples,
            &tick.binds,
            &self.filter,
            self.merged.args.top,
        );
        let vitals = self.watch.look(tick, self.merged.ratios);
        self.manager.counted(&standing);
        let mut exposure = self.exposure.borrow_mut();
        exposure.update(standing, vitals, tick.sweeps.failed);
        self.log.flush();
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
        let filter = select::filter(&merged.args.tuples)?;
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
