//! The tuple that a command is asked about.

use std::{io, net::IpAddr};

use anyhow::{Context, Result};

use crate::{
    cli::AskArgs,
    exit::Refusal,
    kernel::{
        netns::{Discovery, Netns, Selector},
        route,
    },
    tracer::{Question, TracerError},
};

/// The namespace that was asked for, else the caller's own.
///
/// # Errors
/// When there is none of that name, or namespaces can't be looked for.
pub(super) fn netns<'a>(args: &AskArgs, found: &'a mut Discovery) -> Result<&'a Netns> {
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

/// An error that may be one of missing privileges.
pub(super) fn refused(what: &str, error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::PermissionDenied {
        let what = what.to_owned();
        return TracerError::Privileges { what }.into();
    }
    anyhow::Error::from(error).context(what.to_owned())
}

fn usage(what: impl ToString) -> anyhow::Error {
    Refusal::Usage(what.to_string()).into()
}
