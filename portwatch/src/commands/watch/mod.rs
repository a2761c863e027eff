//! `portwatch watch`: the live stream of events.

mod source;

use std::pin::pin;

use anyhow::{Context, Result};
use jiff::Timestamp;

use self::source::Source;
use super::{
    end::{End, end, is_writable, writable},
    printer::{Form, Printer},
    select,
    served::Served,
    tracing::options,
};
use crate::{
    cli::WatchArgs,
    exit::Exit,
    model::{Filter, Item, Ratios},
    output::json::{TracerKeys, write_bind_sample, write_sample, write_tick},
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
    let served = Served::find(&args.served, |item| matches!(item, Item::Event(_)))?;
    if let Some(served) = &served {
        eprintln!("portwatch: {}", served.origin());
    }
    let form = Form {
        json: args.json,
        color: args.color,
        top: args.top,
        ratios: served.as_ref().map_or(ratios, Served::ratios),
    };
    let mut printer = Printer::new(filter, &form);
    let mut source = match served {
        Some(served) => Source::Served(Box::new(served)),
        None => {
            let options = options(&args.tracer, ratios, args.eta_warning);
            Source::Own(Box::new(Tracer::start(&options)?))
        }
    };
    // What waits to be printed. Nothing is written before there is room for it: a stopped terminal
    // or a reader that does not read must not keep a signal from ending this.
    let mut waiting = None;
    let ending = loop {
        tokio::select! {
            biased;
            ending = &mut end => break ending.context("cannot wait for signals")?,
            update = source.next(), if waiting.is_none() => {
                waiting = match update? {
                    Update::Tick(_) if !args.counts => None,
                    update => Some(update),
                };
            }
            () = writable(), if waiting.is_some() => print(&mut printer, waiting.take())?,
        }
    };
    if ending == End::Asked {
        for update in waiting
            .into_iter()
            .chain(source.settle())
            .take_while(|_| is_writable())
        {
            print(&mut printer, Some(update))?;
        }
    }
    Ok(Exit::Ok)
}

fn print(printer: &mut Printer, update: Option<Update>) -> Result<()> {
    match update {
        Some(Update::Event(event)) => printer.event(event),
        Some(Update::Tick(tick)) => counts(printer, &tick),
        None => Ok(()),
    }
}

/// Prints what an interval's end brings.
fn counts(printer: &mut Printer, tick: &Tick) -> Result<()> {
    let now = Timestamp::now();
    printer.write(|filter, out| {
        let samples = tick.samples.iter();
        for sample in samples.filter(|sample| filter.tuple(&sample.tuple)) {
            write_sample(out, now, sample)?;
        }
        let binds = tick.binds.iter();
        for sample in binds.filter(|sample| filter.namespace(&sample.netns)) {
            write_bind_sample(out, now, sample)?;
        }
        write_tick(out, now, &tracer_keys(tick))
    })
}

fn tracer_keys(tick: &Tick) -> TracerKeys {
    let misses = tick.programs.iter();
    TracerKeys {
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
    }
}
