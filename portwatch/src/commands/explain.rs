//! `portwatch explain`: what runs out of ports, why, and what to do.

use std::{pin::pin, time::Instant};

use anyhow::{Context, Result};
use jiff::{Timestamp, tz::TimeZone};
use tokio::task::spawn_blocking;

use super::{
    ask::{to_stdout, usage},
    end::end,
    investigate::{Target, conclude, gather, look_for_processes},
    printer::color,
    tracing::{item, options},
};
use crate::{
    cli::{AskArgs, Color, ExplainArgs, Whom},
    exit::Exit,
    kernel::{host::kernel_release, netns::Discovery},
    model::{Chronicle, Filter, Item, NetnsFilter, Ratios, Report, Story, Tuple, Watched},
    output::{explain as write, json},
    tracer::{Attached, Options, Ports},
};

/// So many looks at the counters there are at least: a trend needs several.
const LOOKS: u32 = 5;

/// Looks for a while and prints what it concludes.
///
/// # Errors
/// When what was asked for makes no sense, the tracer can't start, tables can't be read, or the
/// output can't be written.
pub fn run(args: &ExplainArgs) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let report = runtime.block_on(explain(args))?;
    to_stdout(&written(args, report.as_ref())?)?;
    Ok(Exit::Ok)
}

/// The report; none where no connection holds an ephemeral port.
async fn explain(args: &ExplainArgs) -> Result<Option<Report>> {
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
    let mut tracer = attached.follow(true)?;
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

fn filter(args: &ExplainArgs) -> Result<Filter> {
    let peer = args.whom.map(|whom| whom.peer());
    let mut filter = Filter {
        peers: peer.iter().map(|(ip, _)| (*ip).into()).collect(),
        ports: peer.and_then(|(_, port)| port).into_iter().collect(),
        ..Filter::default()
    };
    if let Some(selector) = &args.netns {
        let mut found = Discovery::new().context("cannot look for network namespaces")?;
        let inum = selector.resolve(&mut found).map_err(usage)?;
        filter.netns.push(NetnsFilter::Inum(inum));
    }
    Ok(filter)
}

/// The tuple that is worst off, of those that can be looked at: namespaces may have ended.
fn worst_off(chronicle: &Chronicle, filter: &Filter) -> Result<Option<Target>> {
    let found = Discovery::new().context("cannot look for network namespaces")?;
    let is_there = |tuple: &Tuple| found.namespaces.contains_key(&tuple.netns.inum);
    worst(chronicle, |tuple| filter.tuple(tuple) && is_there(tuple))
        .map(Target::of)
        .transpose()
}

/// The tuple that is worst off: those that fail first, then the fullest.
fn worst(chronicle: &Chronicle, wanted: impl Fn(&Tuple) -> bool) -> Option<&Tuple> {
    let stories = chronicle
        .stories()
        .filter(|story| story.tuple().local_ip.is_some() && wanted(story.tuple()));
    let held = stories.filter(|story| {
        story
            .sample()
            .is_some_and(|it| it.usage.used > 0 || it.exhausted > 0)
    });
    let worst = held.max_by(|a, b| {
        let failing = |story: &Story| story.failing_since().is_some();
        let used = |story: &Story| {
            story
                .sample()
                .map_or(0.0, |sample| sample.usage.utilisation())
        };
        let by_failures = failing(a).cmp(&failing(b));
        by_failures.then_with(|| used(a).total_cmp(&used(b)))
    });
    worst.map(Story::tuple)
}

fn written(args: &ExplainArgs, report: Option<&Report>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let zone = TimeZone::system();
    match report {
        Some(report) if args.json => json::write_explained(&mut out, report)?,
        Some(report) if args.markdown => write::write_markdown(&mut out, report, &zone)?,
        Some(report) => write::write_text(&mut out, report, &zone, color(Color::Auto))?,
        None if args.json => json::write_nothing(&mut out, Timestamp::now(), &kernel_release())?,
        None => out.extend_from_slice(b"no connection holds an ephemeral port here\n"),
    }
    Ok(out)
}
