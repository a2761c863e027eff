use anyhow::{Context, Result};

use crate::{
    cli::TupleArgs,
    exit::Refusal,
    kernel::netns::{Discovery, Selector, SelectorError},
    model::{Filter, NetnsFilter},
};

/// The filter that the command line asks for. A namespace that does not exist is kept by its name or
/// number: it may come.
///
/// # Errors
/// When a selector is ambiguous or its path is no network namespace.
pub(super) fn filter(args: &TupleArgs) -> Result<Filter> {
    Ok(Filter {
        netns: namespaces(&args.netns)?,
        peers: args.peer.clone(),
        ports: args.port.clone(),
        ..Filter::default()
    })
}

/// The filter for a recording: its namespaces are of another machine, or of another time, and known by
/// name and number only.
///
/// # Errors
/// When a namespace is given by path.
pub(super) fn recorded(args: &TupleArgs) -> Result<Filter> {
    let netns = args.netns.iter().map(|selector| match selector {
        Selector::Name(name) => Ok(NetnsFilter::Name(name.clone())),
        Selector::Inum(inum) => Ok(NetnsFilter::Inum(*inum)),
        Selector::Path(path) => Err(Refusal::Usage(format!(
            "a recording knows network namespaces by name or inode number, not by path: {}",
            path.display()
        ))),
    });
    Ok(Filter {
        netns: netns.collect::<Result<_, _>>()?,
        peers: args.peer.clone(),
        ports: args.port.clone(),
        ..Filter::default()
    })
}

fn namespaces(selectors: &[Selector]) -> Result<Vec<NetnsFilter>> {
    if selectors.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Discovery::new().context("cannot look for network namespaces")?;
    let mut filters = Vec::new();
    for selector in selectors {
        // A name stands for whatever bears it: it goes on when its namespace is made anew.
        if let Selector::Name(name) = selector {
            filters.push(NetnsFilter::Name(name.clone()));
        }
        match (selector.resolve(&mut found), selector) {
            // The namespace may have other names, and show one of those.
            (Ok(inum), _) => filters.push(NetnsFilter::Inum(inum)),
            (Err(SelectorError::Absent(_)), Selector::Name(name)) => {
                log::warn!("no network namespace {name} was found; waiting for it to appear");
            }
            (Err(SelectorError::Absent(_)), Selector::Inum(inum)) => {
                log::warn!("no path leads to the network namespace net:[{inum}]");
                filters.push(NetnsFilter::Inum(*inum));
            }
            (Err(error), _) => return Err(Refusal::Usage(error.to_string()).into()),
        }
    }
    Ok(filters)
}
