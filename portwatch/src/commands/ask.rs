//! The tuple that a command is asked about, and the answer.

use std::{
    io::{self, Write},
    net::IpAddr,
};

use anyhow::{Context, Result};
use jiff::Timestamp;

use crate::{
    cli::AskArgs,
    exit::Refusal,
    kernel::{
        host::kernel_release,
        netns::{Discovery, Netns, Selector},
        route,
    },
    model::Blocker,
    output::{FreeReport, json, text},
    tracer::{Answer, Question, TracerError},
};

/// The caller's own namespace.
pub(super) fn own_netns() -> Selector {
    Selector::Path("/proc/thread-self/ns/net".into())
}

/// The namespace that was asked for, else the caller's own.
///
/// # Errors
/// When there is none of that name, or namespaces can't be looked for.
pub(super) fn netns<'a>(args: &AskArgs, found: &'a mut Discovery) -> Result<&'a Netns> {
    *found = Discovery::new().context("cannot look for network namespaces")?;
    let own = own_netns();
    let selector = args.netns.as_ref().unwrap_or(&own);
    let inum = selector.resolve(found).map_err(usage)?;
    found
        .namespaces
        .get(&inum)
        .context("the network namespace is gone")
}

/// Completes what was asked for by what holds in the calling thread's namespace.
///
/// # Errors
/// When it makes no sense there.
pub(super) fn question(args: &AskArgs) -> Result<Question> {
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

/// Prints what is known of the tuple's ports, and of who holds the blocked ones.
///
/// # Errors
/// When stdout can't be written to.
pub(super) fn print(
    answer: &Answer,
    blockers: Result<&[Blocker], &String>,
    as_json: bool,
) -> Result<()> {
    let report = FreeReport {
        time: Timestamp::now(),
        kernel: &kernel_release(),
        tuple: &answer.tuple,
        namespace: &answer.namespace,
        search: answer.search,
        room: &answer.room,
        blockers: blockers.map_err(String::as_str),
    };
    let mut written = Vec::new();
    if as_json {
        json::write_free(&mut written, &report)?;
    } else {
        text::write_free(&mut written, &report)?;
    }
    to_stdout(&written)
}

/// Writes an answer to stdout.
///
/// # Errors
/// When that is refused.
pub(super) fn to_stdout(written: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    let result = out.write_all(written).and_then(|()| out.flush());
    result.context("cannot write to stdout")
}

/// An error that may be one of missing privileges.
pub(super) fn refused(what: &str, error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::PermissionDenied {
        let what = what.to_owned();
        return TracerError::Privileges { what }.into();
    }
    anyhow::Error::from(error).context(what.to_owned())
}

pub(super) fn usage(what: impl ToString) -> anyhow::Error {
    Refusal::Usage(what.to_string()).into()
}
