//! `portwatch watch`: the live stream of events.

use std::{
    io::{self, IsTerminal, Write},
    pin::pin,
};

use anyhow::{Context, Result};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    end::{End, end, is_writable, writable},
    select,
    tracing::options,
};
use crate::{
    cli::{Color, WatchArgs},
    exit::Exit,
    model::{Event, EventKind, Filter, Ratios, Screen},
    output::{
        ColorChoice, EventWriter,
        json::{JsonWriter, TracerKeys, write_bind_sample, write_sample, write_tick},
        text::{TextOptions, TextWriter},
        use_color,
    },
    tracer::{Tick, Tracer, Update},
};

/// Watches until it is asked to end.
///
/// # Errors
/// When the tracer can't start or can't go on, or the output can't be written.
pub fn run(args: &WatchArgs, ratios: Ratios) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    runtime.block_on(watch(args, ratios))
}

async fn watch(args: &WatchArgs, ratios: Ratios) -> Result<Exit> {
    let filter = Filter {
        pids: args.pid.clone(),
        comms: args.comm.clone(),
        ..select::filter(&args.tuples)?
    };
    // Signals are caught before anything is attached.
    let mut end = pin!(end(args.duration));
    let mut printer = Printer {
        screen: Screen::new(filter),
        writer: writer(args, ratios),
        line: Vec::new(),
    };
    let mut tracer = Tracer::start(
        &options(&args.tracer, ratios, args.eta_warning),
        args.counts,
    )?;
    // What waits to be printed. Nothing is written before there is room for it: a stopped terminal
    // or a reader that does not read must not keep a signal from ending this.
    let mut waiting = None;
    let ending = loop {
        tokio::select! {
            biased;
            ending = &mut end => break ending.context("cannot wait for signals")?,
            update = tracer.next(), if waiting.is_none() => {
                waiting = match update.context("cannot read events")? {
                    Update::Tick(_) if !args.counts => None,
                    update => Some(update),
                };
            }
            () = writable(), if waiting.is_some() => printer.update(waiting.take())?,
        }
    };
    if ending == End::Asked {
        let left = tracer.settle().into_iter().map(Update::Event);
        for update in waiting
            .into_iter()
            .chain(left)
            .take_while(|_| is_writable())
        {
            printer.update(Some(update))?;
        }
    }
    Ok(Exit::Ok)
}

/// Prints the events that pass the filter.
struct Printer {
    screen: Screen,
    writer: Box<dyn EventWriter>,
    line: Vec<u8>,
}

impl Printer {
    fn update(&mut self, update: Option<Update>) -> Result<()> {
        match update {
            Some(Update::Event(event)) => self.print(event),
            Some(Update::Tick(tick)) => self.counts(&tick),
            None => Ok(()),
        }
    }

    /// One write an event, so that lines of several writers to one pipe don't mix.
    fn print(&mut self, mut event: Event) -> Result<()> {
        if let EventKind::Started(started) = &mut event.kind {
            self.screen.filter.narrow(started);
        }
        if !self.screen.passes(&event) {
            return Ok(());
        }
        self.line.clear();
        self.writer.event(&mut self.line, &event)?;
        self.flush()
    }

    /// Prints what an interval's end brings.
    fn counts(&mut self, tick: &Tick) -> Result<()> {
        let now = Timestamp::now();
        self.line.clear();
        for sample in tick
            .samples
            .iter()
            .filter(|sample| self.screen.filter.tuple(&sample.tuple))
        {
            write_sample(&mut self.line, now, sample)?;
        }
        for sample in tick
            .binds
            .iter()
            .filter(|sample| self.screen.filter.namespace(&sample.netns))
        {
            write_bind_sample(&mut self.line, now, sample)?;
        }
        let misses = tick.programs.iter();
        let tracer = TracerKeys {
            sweeps: tick.sweeps.count,
            corrections: tick.sweeps.corrections,
            sockets: tick.sweeps.sockets,
            sweep_seconds: tick.sweeps.last_ns as f64 / 1e9,
            healed: tick.stats.healed,
            walk_inserted: tick.stats.walk_inserted + tick.stats.walk_inserted_time_wait,
            stale_replaced: tick.stats.stale_replaced,
            sweep_dropped: tick.stats.sweep_dropped,
            refused: tick.stats.refused,
            confirmed: tick.stats.confirmed,
            lost_events: tick.stats.lost_events,
            searches: tick.stats.searches,
            recursion_misses: misses
                .map(|(name, program)| (name.clone(), program.recursion_misses))
                .collect(),
        };
        write_tick(&mut self.line, now, &tracer)?;
        self.flush()
    }

    fn flush(&self) -> Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(&self.line)
            .and_then(|()| out.flush())
            .context("cannot write to stdout")
    }
}

fn writer(args: &WatchArgs, ratios: Ratios) -> Box<dyn EventWriter> {
    if args.json {
        return Box::new(JsonWriter);
    }
    Box::new(TextWriter::new(TextOptions {
        color: color(args.color),
        zone: TimeZone::system(),
        ratios,
        top: args.top,
    }))
}

/// Whether stdout gets colour.
pub(super) fn color(choice: Color) -> bool {
    let choice = match choice {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    let no_color = std::env::var_os("NO_COLOR");
    use_color(choice, io::stdout().is_terminal(), no_color.as_deref())
}
