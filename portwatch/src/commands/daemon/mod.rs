//! `portwatch daemon`: metrics over HTTP and a log of events.

mod config;

use anyhow::Result;

use crate::{cli::DaemonArgs, exit::Exit};

/// Runs.
///
/// # Errors
/// None yet.
pub fn run(args: &DaemonArgs) -> Result<Exit> {
    let merged = config::load(args)?;
    let _ = (merged, config::path(args));
    Ok(Exit::Ok)
}
