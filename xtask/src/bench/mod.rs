//! `cargo xtask bench`: what portwatch costs, each figure beside a peer's from the same run.

use std::{ffi::OsString, path::PathBuf};

use anyhow::{Context as _, Result};

mod bpf;
mod capacity;
mod connection;
mod crowd;
mod incident;
mod latency;
pub mod sockets;
mod table;
mod tracer;
pub mod vm;

use table::Table;

use crate::{
    run::release_build,
    support::{
        interrupt::Interrupt,
        limits,
        packages::{self, BPFTRACE, IP, SS, TMUX},
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
    /// Connections of each round of the connect/close loop [default: 50000; 4000 in a guest]
    #[arg(long)]
    connections: Option<u32>,
    /// Rounds that a median is taken of; in a guest the best of [default: 5; 3 in a guest]
    #[arg(long)]
    rounds: Option<u32>,
    /// Measure the hook sets beside each other and beside bpftrace and bcc's tools in a virtual
    /// machine instead, without root
    #[arg(long, conflicts_with_all = ["crowd", "portwatch"])]
    vm: bool,
    /// The virtual machine's line of kernels, of which the newest is taken
    #[arg(long, value_name = "LINE", requires = "vm", default_value = "6.12")]
    kernel: String,
    /// Use this portwatch instead of building one
    #[arg(long, value_name = "PATH")]
    portwatch: Option<PathBuf>,
}

pub fn run(args: Args) -> Result<()> {
    if args.vm {
        let (connections, rounds) = (args.connections, args.rounds);
        return vm::run(
            &args.kernel,
            connections.unwrap_or(4_000),
            rounds.unwrap_or(3),
        );
    }
    let (connections, rounds) = (args.connections.unwrap_or(50_000), args.rounds.unwrap_or(5));
    let portwatch = match args.portwatch {
        Some(path) => path,
        None => release_build()?,
    };
    if !privilege::is_root() {
        let numbers = [
            format!("--crowd={}", args.crowd),
            format!("--connections={}", connections),
            format!("--rounds={}", rounds),
        ];
        let mut again: Vec<OsString> = vec!["bench".into(), "--portwatch".into(), portwatch.into()];
        again.extend(numbers.map(OsString::from));
        return privilege::again_as_root(&again);
    }
    packages::ensure(&[BPFTRACE, IP, SS, TMUX])?;
    limits::raise_open_files()?;
    let interrupt = Interrupt::install()?;
    let mut table = Table::default();
    let binary = portwatch.as_path();

    eprintln!("measuring what a connection costs");
    connection::bpf_time(binary, connections, &interrupt, &mut table).context("BPF run time")?;
    connection::rate(binary, connections, rounds, &interrupt, &mut table)
        .context("connect/close rate")?;
    eprintln!("measuring memory");
    crowd::memory(binary, &interrupt, &mut table).context("memory")?;
    eprintln!("opening {} connections", args.crowd);
    crowd::checks(binary, args.crowd, rounds, &interrupt, &mut table).context("many sockets")?;
    eprintln!("measuring among very many namespaces");
    capacity::many_namespaces(binary, &interrupt, &mut table).context("many namespaces")?;
    eprintln!("measuring how soon a failure is told");
    latency::measure(binary, &interrupt, &mut table).context("latency")?;
    print!("{table}");
    Ok(())
}
