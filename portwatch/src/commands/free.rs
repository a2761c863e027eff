//! `portwatch free`: the ports that one tuple can still get.

use std::{
    io::{self, Write},
    net::IpAddr,
};

use anyhow::{Context, Result};
use jiff::Timestamp;

use crate::{
    cli::FreeArgs,
    exit::{Exit, Refusal},
    kernel::{
        host::kernel_release,
        netns::{Discovery, Netns, Selector},
        owners, route,
    },
    output::{FreeReport, json, text},
    tracer::{Question, TracerError, free},
};

/// Asks the kernel's tables and prints the answer.
///
/// # Errors
/// When the tuple makes no sense, the tables can't be read, or the output can't be written.
pub fn run(args: &FreeArgs) -> Result<Exit> {
    let mut found = Discovery::default();
    let netns = netns(args, &mut found)?;
    let question = netns
        .run(|| question(args))
        .map_err(|error| refused("entering the network namespace", error))??;
    let answer = free(netns, &question)?;
    let blockers = owners::blockers(netns, &answer.blocked).map_err(|error| format!("{error:#}"));
    let report = FreeReport {
        time: Timestamp::now(),
        kernel: &kernel_release(),
        tuple: &answer.tuple,
        namespace: &answer.namespace,
        search: answer.search,
        room: &answer.room,
        blockers: blockers.as_deref().map_err(String::as_str),
    };
    let mut written = Vec::new();
    if args.json {
        json::write_free(&mut written, &report)?;
    } else {
        text::write_free(&mut written, &report)?;
    }
    let mut out = io::stdout().lock();
    let result = out.write_all(&written).and_then(|()| out.flush());
    result.context("cannot write to stdout")?;
    Ok(Exit::Ok)
}

/// The namespace that was asked for, else the caller's own.
fn netns<'a>(args: &FreeArgs, found: &'a mut Discovery) -> Result<&'a Netns> {
    *found = Discovery::new().context("cannot look for network namespaces")?;
    let own = Selector::Path("/proc/thread-self/ns/net".into());
    let selector = args.netns.as_ref().unwrap_or(&own);
    let inum = selector.resolve(found).map_err(usage)?;
    found
        .namespaces
        .get(&inum)
        .context("the network namespace is gone")
}

/// Completes what was asked for by what holds in the calling thread's namespace.
fn question(args: &FreeArgs) -> Result<Question> {
    let bound_dev = match &args.device {
        None => 0,
        Some(name) => route::device_index(name)
            .ok_or_else(|| usage(format!("no device {name:?} in this network namespace")))?,
    };
    let peer = args.tuple.peer;
    let local = match (args.local, args.tuple.local) {
        (Some(_), Some(_)) => {
            return Err(usage("the local address is given twice: drop --local"));
        }
        (Some(local), None) | (None, Some(local)) => local,
        (None, None) => source(peer.ip(), bound_dev)?,
    };
    if local.is_ipv4() != peer.is_ipv4() {
        return Err(usage(format!(
            "{local} and {} are of different families",
            peer.ip()
        )));
    }
    Ok(Question {
        local,
        peer: peer.ip(),
        peer_port: peer.port(),
        bound_dev,
        own_range: args.range.map(|range| (range.low, range.high)),
    })
}

/// The local address that the route decides.
fn source(peer: IpAddr, bound_dev: u32) -> Result<IpAddr> {
    route::source_towards(peer, bound_dev).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => refused("asking for the route to the peer", error),
        _ => usage(format!(
            "no route to {peer} here: {error}; give the local address with --local"
        )),
    })
}

/// An error that may be one of missing privileges.
fn refused(what: &str, error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::PermissionDenied {
        let what = what.to_owned();
        return TracerError::Privileges { what }.into();
    }
    anyhow::Error::from(error).context(what.to_owned())
}

fn usage(what: impl ToString) -> anyhow::Error {
    Refusal::Usage(what.to_string()).into()
}
