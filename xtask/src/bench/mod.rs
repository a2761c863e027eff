//! `cargo xtask bench`: what portwatch costs, each figure beside a peer's from the same run.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::ValueEnum as _;

mod bpf;
mod capacity;
mod connection;
mod crowd;
mod daemon;
mod incident;
mod latency;
mod poller;
mod sockets;
mod table;
mod tracer;
mod usage;
mod vm;

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
/// private network namespaces. Takes about nine minutes.
#[derive(clap::Args)]
pub struct Args {
    /// Only this part; can be given more than once
    #[arg(long, value_name = "PART")]
    only: Vec<Part>,
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

/// What is measured, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// What a connection costs
    Connection,
    /// Memory
    Memory,
    /// Very many connections
    Crowd,
    /// The daemon among very many connections, beside a script
    Daemon,
    /// Very many namespaces
    Namespaces,
    /// How soon a failure is told
    Latency,
    /// `explain` and `top` on a large host
    Incident,
}

impl Part {
    /// As the command line has it.
    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    fn measure(
        self,
        portwatch: &Path,
        (crowd, connections, rounds): (u32, u32, u32),
        interrupt: &Interrupt,
        table: &mut Table,
    ) -> Result<()> {
        match self {
            Self::Connection => {
                connection::bpf_time(portwatch, connections, interrupt, table)?;
                connection::rate(portwatch, connections, rounds, interrupt, table)
            }
            Self::Memory => crowd::memory(portwatch, interrupt, table),
            Self::Crowd => crowd::checks(portwatch, crowd, rounds, interrupt, table),
            Self::Daemon => daemon::measure(portwatch, rounds, interrupt, table),
            Self::Namespaces => capacity::many_namespaces(portwatch, interrupt, table),
            Self::Latency => latency::measure(portwatch, interrupt, table),
            Self::Incident => incident::session(portwatch, rounds, interrupt, table),
        }
    }
}

/// What the measurements start this program for once more, in a process or a guest of its own.
#[derive(clap::Subcommand)]
pub enum Helper {
    #[command(hide = true)]
    Hold(sockets::HoldArgs),
    #[command(hide = true)]
    Measure(vm::inside::Args),
}

pub fn run_helper(helper: Helper) -> Result<()> {
    match helper {
        Helper::Hold(args) => sockets::hold(args),
        Helper::Measure(args) => vm::inside::measure(args),
    }
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
    let sizes = (
        args.crowd,
        args.connections.unwrap_or(50_000),
        args.rounds.unwrap_or(5),
    );
    let portwatch = match args.portwatch {
        Some(path) => path,
        None => release_build()?,
    };
    if !privilege::is_root() {
        let (crowd, connections, rounds) = sizes;
        let mut again: Vec<OsString> = vec!["bench".into(), "--portwatch".into(), portwatch.into()];
        again.extend([
            format!("--crowd={crowd}").into(),
            format!("--connections={connections}").into(),
            format!("--rounds={rounds}").into(),
        ]);
        let only = args.only.iter().map(|part| part.name());
        again.extend(only.map(|name| format!("--only={name}").into()));
        return privilege::again_as_root(&again);
    }
    packages::ensure(&[BPFTRACE, IP, SS, TMUX])?;
    limits::raise_open_files()?;
    let interrupt = Interrupt::install()?;
    let mut table = Table::default();
    for part in Part::value_variants() {
        if args.only.is_empty() || args.only.contains(part) {
            let name = part.name();
            eprintln!("measuring: {name}");
            part.measure(&portwatch, sizes, &interrupt, &mut table)
                .context(name)?;
        }
    }
    print!("{table}");
    Ok(())
}
