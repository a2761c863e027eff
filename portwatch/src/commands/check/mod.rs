//! `portwatch check`: one look, one answer for a monitoring system.

mod bpf;
mod netlink;
mod served;

use std::{
    io,
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
};

use anyhow::{Context, Result, anyhow};
use jiff::Timestamp;

use crate::{
    cli::{CheckArgs, SourceChoice},
    exit::Exit,
    kernel::{host::kernel_release, netns::Netns},
    model::{CheckState, Filter, Namespace, Ratios, TupleSample, Verdict, trial::is_trial},
    output::{CheckReport, json, nagios},
};

/// What one look found.
#[derive(Debug)]
struct Survey {
    source: &'static str,
    hooks: Option<&'static str>,
    namespaces: Vec<Namespace>,
    samples: Vec<TupleSample>,
    /// What went wrong on the way, a sentence each.
    warnings: Vec<String>,
}

/// Looks once and prints the answer. Whatever keeps it from an answer is UNKNOWN.
#[must_use]
pub fn run(args: &CheckArgs, ratios: Ratios) -> Exit {
    let mut out = io::stdout().lock();
    let (state, written) = match survey_in_time(args) {
        Ok((survey, own_netns)) => report(&mut out, args, ratios, survey, own_netns),
        Err(error) => {
            let why = format!("{error:#}");
            let written = if args.json {
                json::write_unknown(&mut out, Timestamp::now(), &why)
            } else {
                nagios::write_unknown(&mut out, &why)
            };
            (CheckState::Unknown, written)
        }
    };
    match written {
        // Whoever closed the pipe still gets the answer as the exit code.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("portwatch: cannot write to stdout: {error}");
            Exit::Check(CheckState::Unknown)
        }
        _ => Exit::Check(state),
    }
}

fn report(
    out: &mut dyn io::Write,
    args: &CheckArgs,
    ratios: Ratios,
    mut survey: Survey,
    own_netns: u32,
) -> (CheckState, io::Result<()>) {
    for warning in &survey.warnings {
        log::warn!("{warning}");
    }
    let report = CheckReport {
        time: Timestamp::now(),
        kernel: &kernel_release(),
        source: survey.source,
        hooks: survey.hooks,
        ratios,
        namespaces: &survey.namespaces,
        own_netns,
        verdict: Verdict::new(&mut survey.samples, &ratios),
        warnings: &survey.warnings,
    };
    let written = if args.json {
        json::write_report(out, &report)
    } else {
        nagios::write_report(out, &report)
    };
    (report.verdict.state, written)
}

/// Takes the survey in a thread of its own: a system call that hangs must not keep the answer. A
/// thread that is late ends with the process, which also detaches what it attached.
fn survey_in_time(args: &CheckArgs) -> Result<(Survey, u32)> {
    let (sender, receiver) = mpsc::channel();
    let thread_args = args.clone();
    thread::Builder::new()
        .name("survey".to_owned())
        .spawn(move || sender.send(survey(&thread_args)))
        .context("cannot start a thread")?;
    receiver
        .recv_timeout(args.timeout)
        .unwrap_or_else(|error| match error {
            RecvTimeoutError::Timeout => Err(anyhow!(
                "no answer within {:?}; --timeout allows more time",
                args.timeout
            )),
            RecvTimeoutError::Disconnected => Err(anyhow!("the survey failed, see stderr")),
        })
}

/// Takes the survey from the source that was asked for.
fn survey(args: &CheckArgs) -> Result<(Survey, u32)> {
    let own = Netns::open(Path::new("/proc/thread-self/ns/net"))
        .context("cannot open /proc/thread-self/ns/net; is /proc mounted?")?
        .inum;
    let selected = &args.tuples.netns;
    let mut survey = match (by_daemon(args)?, args.source) {
        (Some(survey), _) => survey,
        (None, SourceChoice::Bpf) => bpf::survey(selected)?,
        (None, SourceChoice::Netlink) => netlink::survey(selected, own)?,
        (None, SourceChoice::Auto) => bpf::survey(selected).or_else(|error| {
            log::info!("counting by netlink, because BPF does not work here: {error:#}");
            netlink::survey(selected, own)
        })?,
    };
    let filter = Filter {
        peers: args.tuples.peer.clone(),
        ports: args.tuples.port.clone(),
        ..Filter::default()
    };
    survey.samples.retain(|TupleSample { tuple, .. }| {
        filter.tuple(tuple) && !is_trial(tuple.peer_ip, tuple.peer_port, tuple.bound_dev)
    });
    Ok((survey, own))
}

/// What a daemon counts. One that nobody named, and that can't, is no reason to give up.
fn by_daemon(args: &CheckArgs) -> Result<Option<Survey>> {
    match served::survey(&args.served, &args.tuples.netns) {
        Err(error) if args.served.socket.is_none() => {
            log::warn!("the daemon is not used: {error:#}");
            Ok(None)
        }
        survey => survey,
    }
}
