use std::path::PathBuf;

use clap::{ArgMatches, Args, parser::ValueSource};

/// Where a daemon serves other commands.
pub const SOCKET: &str = "/run/portwatch/portwatch.sock";

/// What takes programs of the command's own: a daemon's have the daemon's settings.
const OWN: [&str; 14] = [
    "warning",
    "critical",
    "eta_warning",
    "counts",
    "interval",
    "hooks",
    "time_wait",
    "connect_errno",
    "sweep_interval",
    "slow_search",
    "max_sockets",
    "max_tuples",
    "ring_size",
    "bpf_log",
];
/// The same for `check`, which has the daemon count but judges for itself.
const OWN_OF_CHECK: [&str; 1] = ["source"];

/// Whether a daemon's programs do for this command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Daemon")]
pub struct ServedArgs {
    /// Load programs of its own, also where a daemon runs whose programs would do
    #[arg(long)]
    pub standalone: bool,
    /// Use the daemon that serves on this socket [default: /run/portwatch/portwatch.sock, where one
    /// does and no option asks for something else]
    #[arg(long, value_name = "PATH", conflicts_with = "standalone")]
    pub socket: Option<PathBuf>,
    /// The option of the command line that takes programs of its own.
    #[arg(skip)]
    pub own: Option<String>,
}

/// The option that takes programs of the command's own, if there is one.
pub(super) fn own(matches: &ArgMatches) -> Option<String> {
    let (command, matches) = match matches.subcommand() {
        Some((command, matches)) => (command, matches),
        None => ("", matches),
    };
    let own = match command {
        "check" => &OWN_OF_CHECK[..],
        _ => &OWN[..],
    };
    let given = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let there = matches.ids().map(|id| id.as_str());
    let first = there.filter(|id| own.contains(id)).find(given)?;
    Some(format!("--{}", first.replace('_', "-")))
}
