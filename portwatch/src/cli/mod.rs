//! The command line: what it may say, not what it does.

mod ask;
mod check;
mod daemon;
mod explain;
pub mod file;
mod filter;
mod free;
mod generate;
mod parse;
mod record;
mod replay;
mod served;
mod top;
mod watch;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use log::LevelFilter;

pub use ask::AskArgs;
pub use check::{CheckArgs, SourceChoice};
pub use daemon::{DaemonArgs, Listen, LogForm, SocketAt};
pub use explain::{ExplainArgs, Whom};
pub use filter::TupleArgs;
pub use free::FreeArgs;
pub use generate::{CompletionsArgs, ManArgs};
pub use parse::{Parsed, parse};
pub use record::RecordArgs;
pub use replay::{ReplayArgs, Speed, View};
pub use served::{SOCKET, ServedArgs};
pub use top::{TopArgs, ViewArgs};
pub use watch::{BpfLog, Choice, Color, Hooks, SlowSearch, TimeWaitChoice, TracerArgs, WatchArgs};

const EXAMPLES: &str = "\
Examples:
  portwatch                                    watch this whole machine
  portwatch --netns web1 --port 8080,8443      watch one namespace, two backends
  portwatch --json | jq 'select(.event == \"exhausted\")'
  portwatch top --freeze                       look around live, stop at the first failure
  portwatch check -w 70% -c 90%                one shot, for a monitoring system
  portwatch free 10.0.0.2:443                  how many more connections there
  portwatch explain 10.0.0.2:443               why there are none left, and what to do
  portwatch daemon --listen 127.0.0.1:9817     metrics for Prometheus, and a log
  portwatch record incident.pw                 write down what happens, for others to look at
  portwatch replay incident.pw                 what happened, on any machine
  portwatch doctor                             what works on this machine

Exit codes: 0 ended as asked, 1 unexpected failure, 2 bad usage, 3 missing privileges,
4 this kernel can't run it. `check` has its own: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.";

/// Warns before Linux runs out of ephemeral ports, and says at once who ran out
#[derive(Debug, Parser)]
#[command(
    name = "portwatch",
    version,
    long_version = crate::build::LONG_VERSION,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    max_term_width = 100
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    watch: WatchArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every warning and every failed connect as it happens (the default)
    Watch(Box<WatchArgs>),
    /// Look around live: every tuple, worst first, and a page of each
    Top(Box<TopArgs>),
    /// Look once and answer as a monitoring plugin: OK, WARNING, CRITICAL or UNKNOWN
    Check(CheckArgs),
    /// Tell which local ports one tuple can still get, and how many connections that makes
    Free(FreeArgs),
    /// Tell why connects to a peer run out of ports, and what to do about it on this host
    Explain(ExplainArgs),
    /// Serve metrics and log events, in the background for as long as the host runs
    Daemon(Box<DaemonArgs>),
    /// Write what happens to a file, to be looked at later
    Record(Box<RecordArgs>),
    /// Look at a recording, on any machine and without privileges
    Replay(Box<ReplayArgs>),
    /// Tell what this kernel and these privileges allow, and what to do about it
    Doctor(DoctorArgs),
    /// Print the script that completes this command line in a shell
    Completions(CompletionsArgs),
    /// Write the man pages
    Man(ManArgs),
}

/// `portwatch doctor`
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's help"
    )]
    pub log: LogArgs,
}

/// What is told on stderr.
#[derive(Args, Clone, Copy, Debug)]
pub struct LogArgs {
    /// Tell more on stderr; twice for details
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The command line as it is declared, for what is generated from it.
#[must_use]
pub fn declaration() -> clap::Command {
    Cli::command()
}

impl Cli {
    /// The command, `watch` where none was named.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command
            .unwrap_or_else(|| Command::Watch(Box::new(self.watch)))
    }
}

impl Command {
    /// How much to tell on stderr: warnings, with `-v` more, and the kernel side's own log as far
    /// as that was asked for.
    #[must_use]
    pub fn log_level(&self) -> LevelFilter {
        let (log, bpf_log) = match self {
            Self::Watch(args) => (args.log, args.tracer.bpf_log.into()),
            Self::Top(args) => (args.log, args.tracer.bpf_log.into()),
            Self::Check(args) => (args.log, LevelFilter::Off),
            Self::Free(args) => (args.log, LevelFilter::Off),
            Self::Explain(args) => (args.log, LevelFilter::Off),
            Self::Daemon(args) => (args.log, args.tracer.bpf_log.into()),
            Self::Record(args) => (args.log, args.tracer.bpf_log.into()),
            Self::Replay(args) => (args.log, LevelFilter::Off),
            Self::Doctor(args) => (args.log, LevelFilter::Off),
            Self::Completions(_) | Self::Man(_) => return LevelFilter::Warn,
        };
        let own = match log.verbose {
            0 => LevelFilter::Warn,
            1 => LevelFilter::Info,
            _ => LevelFilter::Debug,
        };
        own.max(bpf_log)
    }
}
