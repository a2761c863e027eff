//! `portwatch free`: the ports that one tuple can still get.

use anyhow::Result;

use super::ask::{netns, print, question, refused};
use crate::{
    cli::FreeArgs,
    exit::Exit,
    kernel::{netns::Discovery, owners},
    tracer::Ports,
};

/// Asks the kernel's tables and prints the answer.
///
/// # Errors
/// When the tuple makes no sense, the tables can't be read, or the output can't be written.
pub fn run(args: &FreeArgs) -> Result<Exit> {
    let mut found = Discovery::default();
    let netns = netns(&args.ask, &mut found)?;
    let question = netns
        .run(|| question(&args.ask))
        .map_err(|error| refused("entering the network namespace", error))??;
    let answer = Ports::load()?.of(netns, &question)?;
    let blockers = owners::blockers(netns, &answer.blocked).map_err(|error| format!("{error:#}"));
    print(&answer, blockers.as_deref(), args.json)?;
    Ok(Exit::Ok)
}
