use anyhow::Result;

use crate::{
    exit::Refusal,
    kernel::netns::{Netns, Selector},
    model::NetnsFilter,
};

/// A namespace in words for a daemon: a path is opened here, with the rights of whoever gave it.
///
/// # Errors
/// When the path can't be opened as one.
pub(in crate::commands) fn netns(selector: &Selector) -> Result<NetnsFilter> {
    match selector {
        Selector::Inum(inum) => Ok(NetnsFilter::Inum(*inum)),
        Selector::Name(name) => Ok(NetnsFilter::Name(name.clone())),
        Selector::Path(path) => match Netns::open(path) {
            Ok(netns) => Ok(NetnsFilter::Inum(netns.inum)),
            Err(error) => Err(Refusal::Usage(format!(
                "cannot open the network namespace {}: {error}",
                path.display()
            ))
            .into()),
        },
    }
}
