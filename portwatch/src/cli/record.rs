use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{LogArgs, TracerArgs, TupleArgs};
use crate::model::{Ratio, parse_duration};

const EXAMPLES: &str = "\
Examples:
  portwatch record incident.pw                       until Ctrl-C
  portwatch record --for 1h -P 443 incident.pw       one hour, one backend
  ssh host sudo portwatch record - > incident.pw     from another machine
  portwatch replay incident.pw                       what happened

Every event is in the file as soon as it happens, and the counts of every tuple each --interval, of
which only what changed takes room. When the recording is cut short, by a crash or a full disk, it
can be replayed up to there.

Exit codes: 0 ended as asked, 1 unexpected failure, 2 bad usage, 3 missing privileges, 4 this kernel
can't run it.";

/// `portwatch record`
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RecordArgs {
    /// The file to make; - for stdout
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Stop after this time: 30s, 5m
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// Overwrite a file that exists
    #[arg(long)]
    pub force: bool,
    /// Warn from this share of a tuple's capacity on: 0.5 or 50%
    #[arg(long, value_name = "RATIO", default_value = "50%")]
    pub warning: Ratio,
    /// Call it critical from this share on
    #[arg(long, value_name = "RATIO", default_value = "80%")]
    pub critical: Ratio,
    /// Warn, too, when a tuple will be full within this time at its present pace: 60s [default:
    /// never]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub eta_warning: Option<Duration>,
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
    pub tracer: TracerArgs,
}
