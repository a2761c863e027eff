use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{LogArgs, ServedArgs, TupleArgs};
use crate::model::{Ratio, parse_duration};

const EXAMPLES: &str = "\
Examples:
  portwatch check                                   every namespace that can be reached
  portwatch check -w 70% -c 90% --port 5432         connections to PostgreSQL
  portwatch check --source netlink                  without BPF; without root: this namespace
  portwatch check --json | jq '.tuples[0]'          the fullest tuple

Exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN (also for bad usage).

Netlink can't tell a port that connect chose from one that was bound before: it counts every
connection from a port inside the range on which nobody listens.";

/// `portwatch check`
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    /// WARNING from this share of a tuple's capacity on: 0.5 or 50%
    #[arg(short, long, value_name = "RATIO", default_value = "50%")]
    pub warning: Ratio,
    /// CRITICAL from this share on
    #[arg(short, long, value_name = "RATIO", default_value = "80%")]
    pub critical: Ratio,
    /// Print one JSON object with every tuple instead of the plugin line
    #[arg(long)]
    pub json: bool,
    /// Where the counts come from; auto is bpf where it works, else netlink
    #[arg(long, value_enum, default_value_t = SourceChoice::Auto)]
    pub source: SourceChoice,
    /// UNKNOWN when there is no answer after this time: 10s, 500ms
    #[arg(short, long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub timeout: Duration,
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's help"
    )]
    pub log: LogArgs,
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's help"
    )]
    pub tuples: TupleArgs,
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's help"
    )]
    pub served: ServedArgs,
}

/// Where the counts of `check` come from: the tracer, which takes root; sock_diag, which takes no
/// BPF and for the caller's own namespace no root; or the first where it works, else the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "a doc comment here would show in the help")]
pub enum SourceChoice {
    Auto,
    Bpf,
    Netlink,
}
