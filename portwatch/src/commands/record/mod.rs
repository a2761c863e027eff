//! `portwatch record`: writes a session to a file, to be looked at later.

mod lookout;
mod recorder;
mod summary;
mod target;

use anyhow::{Context, Result};

use self::{lookout::Lookout, recorder::Recorder, target::Target};
use super::{end::End, lookups::Lookups, select, session::Session, tracing::options};
use crate::{cli::RecordArgs, exit::Exit, model::Ratios, tracer::Tracer};

/// Records until it is asked to end.
///
/// # Errors
/// When the file exists or can't be written, or the tracer can't start or can't go on.
pub fn run(args: &RecordArgs, ratios: Ratios) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let ended = runtime.block_on(record(args, ratios));
    // What is still looked up is of no use any more.
    runtime.shutdown_background();
    ended
}

async fn record(args: &RecordArgs, ratios: Ratios) -> Result<Exit> {
    let filter = select::filter(&args.tuples)?;
    let target = Target::new(&args.file, args.force)?;
    // Signals are caught before anything is attached.
    let mut end = target.end(args.duration);
    let options = options(&args.tracer, ratios, args.eta_warning);
    let tracer = Tracer::start(&options)?;
    let (lookups, answers) = Lookups::new(tracer.observer());
    let mut session = Session::new(tracer, answers);
    let mut lookout = Lookout::new(lookups, ratios);
    let mut recorder = Recorder::start(&target, ratios)?;
    recorder.announce(args.duration);
    // What waits to be written: an output that takes nothing must not keep a signal from ending
    // this.
    let mut waiting = None;
    let ending = loop {
        tokio::select! {
            biased;
            ending = &mut end => break ending.context("cannot wait for signals")?,
            item = session.next(), if waiting.is_none() => {
                waiting = item.context("cannot read events")?.filtered(&filter);
                waiting.iter().for_each(|item| lookout.see(item));
            }
            () = target.room(), if waiting.is_some() => {
                if let Some(item) = waiting.take() {
                    recorder.take(&item)?;
                }
            }
        }
    };
    if ending == End::Asked {
        let left = session.settle().into_iter();
        let left = left.filter_map(|item| item.filtered(&filter));
        for item in waiting.into_iter().chain(left) {
            if !target.has_room() {
                return Ok(Exit::Ok);
            }
            recorder.take(&item)?;
        }
        recorder.finish()?;
    }
    Ok(Exit::Ok)
}
