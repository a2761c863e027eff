use std::{pin::pin, time::Instant};

use anyhow::{Context, Result};
use tokio::task::spawn_blocking;

use super::{filter, worst};
use crate::{
    cli::{AskArgs, ExplainArgs, Whom},
    commands::{
        end::end,
        investigate::{Target, conclude, gather, look_for_processes},
        tracing::{item, options},
    },
    kernel::netns::Discovery,
    model::{Chronicle, Filter, Item, Ratios, Report, Tuple, Watched},
    tracer::{Attached, Options, Ports},
};

/// So many looks at the counters there are at least: a trend needs several.
const LOOKS: u32 = 5;

/// The report, by programs of our own; none where no connection holds an ephemeral port.
pub(super) async fn explain(args: &ExplainArgs) -> Result<Option<Report>> {
    // What makes no sense is refused before anything is loaded.
    let asked = asked(args)?;
    let filter = filter(args)?;
    let mut asked_to_end = pin!(end(None));
    let interval = args.tracer.interval.min(args.look / LOOKS);
    let options = Options {
        interval,
        ..options(&args.tracer, Ratios::default(), None)
    };
    let attached = Attached::new(&options)?;
    // The hooks watch from here on, while what there is already is taken in.
    let began = Instant::now();
    let mut tracer = attached.follow()?;
    log::info!("watching for {:?}", args.look);
    let observer = tracer.observer();
    let mut chronicle = Chronicle::new();
    chronicle.take(&item(tracer.next().await.context("cannot read events")?));
    let target = match asked {
        Some(target) => Some(target),
        None => worst_off(&chronicle, &filter)?,
    };
    // Programs are loaded and processes are looked for while the tracer watches.
    let early = spawn_blocking({
        let observer = observer.clone();
        move || {
            let mut ports = Ports::load()?;
            let looked = target.map(|target| {
                let processes = look_for_processes(&target, &observer, &mut ports)?;
                anyhow::Ok((target, processes))
            });
            anyhow::Ok((ports, looked))
        }
    });
    let mut intervals = 0;
    // A trend needs two looks, however slow the machine.
    while intervals < 2 || began.elapsed() + interval / 2 < args.look {
        tokio::select! {
            biased;
            ending = &mut asked_to_end => {
                ending.context("cannot wait for signals")?;
                break;
            }
            update = tracer.next() => {
                let item = item(update.context("cannot read events")?);
                intervals += u32::from(matches!(item, Item::Interval(_)));
                chronicle.take(&item);
            }
        }
    }
    let (mut ports, early) = early.await.context("a thread has panicked")??;
    // Another tuple may be worse off by now.
    let worst = match args.whom {
        Some(Whom::Tuple(_)) => None,
        _ => worst_off(&chronicle, &filter)?,
    };
    let (target, processes) = match (early, worst) {
        (None, None) => return Ok(None),
        (Some(early), None) => early?,
        (Some(Ok(early)), Some(target)) if early.0.tuple().is(&target.tuple()) => early,
        (_, Some(target)) => {
            let processes = look_for_processes(&target, &observer, &mut ports)?;
            (target, processes)
        }
    };
    let evidence = gather(&target, &observer, &mut ports, processes)?;
    let watched = Watched::of(&evidence.answer.tuple, &chronicle);
    let asked = args.whom.is_some();
    Ok(Some(conclude(evidence, &watched, &observer, asked)))
}

/// The tuple that was asked for; none where that is left to what the tracer finds.
fn asked(args: &ExplainArgs) -> Result<Option<Target>> {
    let Some(Whom::Tuple(tuple)) = args.whom else {
        return Ok(None);
    };
    let ask = AskArgs {
        tuple,
        netns: args.netns.clone(),
        local: args.local,
        device: args.device.clone(),
        range: args.range,
    };
    Target::asked(&ask).map(Some)
}

/// The tuple that is worst off, of those that can be looked at: namespaces may have ended.
fn worst_off(chronicle: &Chronicle, filter: &Filter) -> Result<Option<Target>> {
    let found = Discovery::new().context("cannot look for network namespaces")?;
    let is_there = |tuple: &Tuple| found.namespaces.contains_key(&tuple.netns.inum);
    worst(chronicle, |tuple| filter.tuple(tuple) && is_there(tuple))
        .map(Target::of)
        .transpose()
}
