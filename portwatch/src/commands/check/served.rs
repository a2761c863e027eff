use anyhow::{Result, bail};

use super::{Survey, bpf::survey_of};
use crate::{
    cli::ServedArgs,
    commands::served::{ask_once, netns},
    kernel::netns::Selector,
    model::{Reply, Request},
};

/// Has a daemon count; none where there is none to ask.
pub(super) fn survey(args: &ServedArgs, selected: &[Selector]) -> Result<Option<Survey>> {
    let netns = selected.iter().map(netns).collect::<Result<_>>()?;
    match ask_once(args, &Request::Survey { netns })? {
        None => Ok(None),
        Some(Reply::Survey(snapshot)) => survey_of(snapshot).map(Some),
        Some(_) => bail!("the daemon answered another question"),
    }
}
