//! `cargo xtask bench`: what portwatch costs, each figure beside a peer's from the same run.

use std::{ffi::OsString, path::PathBuf};

use anyhow::{Context as _, Result};

mod bpf;
mod connection;
mod crowd;
mod latency;
pub mod sockets;
mod table;
mod tracer;

use table::Table;

use crate::{
    run::release_build,
    support::{
        interrupt::Interrupt,
        limits,
        packages::{self, BPFTRACE, IP, SS},
        privilege,
    },
};

/// Measures what portwatch costs, as a Markdown table beside the design's budgets.
///
/// Nothing is asserted: figures depend on the machine, and it should be idle. All traffic stays in
/// private network namespaces. Takes about two minutes.
#[derive(clap::Args)]
pub struct Args {
    /// Connections of the many-sockets measurements
    #[arg(long, default_value_t = 112_000)]
    crowd: u32,
    /// Connections of each round of the connect/close loop
    #[arg(long, default_value_t = 50_000)]
    connections: u32,
    /// Rounds that a median is taken of
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Use this portwatch instead of building one
    #[arg(long, value_name = "PATH")]
    portwatch: Option<PathBuf>,
}

pub fn run(args: Args) -> Result<()> {
    let portwatch = match args.portwatch {
        Some(path) => path,
        None => release_build()?,
    };
    if !privilege::is_root() {
        let numbers = [
            format!("--crowd={}", args.crowd),
            format!("--connections={}", args.connections),
            format!("--rounds={}", args.rounds),
        ];
        let mut again: Vec<OsString> = vec!["bench".into(), "--portwatch".into(), portwatch.into()];
        again.extend(numbers.map(OsString::from));
        return privilege::again_as_root(&again);
    }
    packages::ensure(&[BPFTRACE, IP, SS])?;
    limits::raise_open_files()?;
    let interrupt = Interrupt::install()?;
    let mut table = Table::default();
    let (binary, connections, rounds) = (portwatch.as_path(), args.connections, args.rounds);

    eprintln!("measuring what a connection costs");
    connection::bpf_time(binary, connections, &interrupt, &mut table).context("BPF run time")?;
    connection::rate(binary, connections, rounds, &interrupt, &mut table)
        .context("connect/close rate")?;
    eprintln!("measuring memory");
    crowd::memory(binary, &interrupt, &mut table).context("memory")?;
    eprintln!("opening {} connections", args.crowd);
    crowd::checks(binary, args.crowd, rounds, &interrupt, &mut table).context("many sockets")?;
    eprintln!("measuring how soon a failure is told");
    latency::measure(binary, &interrupt, &mut table).context("latency")?;
    print!("{table}");
    Ok(())
}
