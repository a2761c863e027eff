//! `portwatch explain`: what runs out of ports, why, and what to do.

mod own;
mod served;

use anyhow::{Context, Result};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    ask::{to_stdout, usage},
    printer::color,
    served::Served,
};
use crate::{
    cli::{Color, ExplainArgs},
    exit::Exit,
    kernel::{host::kernel_release, netns::Discovery},
    model::{Chronicle, Filter, NetnsFilter, Report, Story, Tuple},
    output::{explain as write, json},
};

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
    let report = runtime.block_on(async {
        match Served::find(&args.served, |_| true)? {
            Some(served) => {
                eprintln!("portwatch: {}", served.origin());
                served::explain(args, served).await
            }
            None => own::explain(args).await,
        }
    })?;
    to_stdout(&written(args, report.as_ref())?)?;
    Ok(Exit::Ok)
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
