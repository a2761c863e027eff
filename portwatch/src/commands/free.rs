//! `portwatch free`: the ports that one tuple can still get.

use std::io::{self, Write};

use anyhow::{Context, Result};
use jiff::Timestamp;

use super::ask::{netns, question, refused};
use crate::{
    cli::FreeArgs,
    exit::Exit,
    kernel::{host::kernel_release, netns::Discovery, owners},
    output::{FreeReport, json, text},
    tracer::free,
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
        explanation: None,
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
