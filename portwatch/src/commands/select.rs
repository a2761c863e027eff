use anyhow::{Context, Result};

use crate::{
    cli::TupleArgs,
    exit::Refusal,
    kernel::netns::{Discovery, Selector, SelectorError},
    model::{Filter, NetnsFilter},
};

/// The filter that the command line asks for. A namespace that is named but does not exist is kept
/// by its name or number: it may come.
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

fn namespaces(selectors: &[Selector]) -> Result<Vec<NetnsFilter>> {
    if selectors.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Discovery::new().context("cannot look for network namespaces")?;
    selectors
        .iter()
        .map(|selector| match (selector.resolve(&mut found), selector) {
            (Ok(inum), _) => Ok(NetnsFilter::Inum(inum)),
            (Err(SelectorError::Absent(_)), Selector::Name(name)) => {
                log::warn!("no network namespace {name} was found; waiting for it to appear");
                Ok(NetnsFilter::Name(name.clone()))
            }
            (Err(SelectorError::Absent(_)), Selector::Inum(inum)) => {
                log::warn!("no path leads to the network namespace net:[{inum}]");
                Ok(NetnsFilter::Inum(*inum))
            }
            (Err(error), _) => Err(Refusal::Usage(error.to_string()).into()),
        })
        .collect()
}
