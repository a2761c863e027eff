use std::time::Duration;

use clap::Args;

use super::{AskArgs, LogArgs};
use crate::model::parse_duration;

const EXAMPLES: &str = "\
Examples:
  portwatch explain 10.0.0.2:443                     why connects to that peer fail, or soon will
  portwatch explain -N web1 127.0.0.1:8080           in another network namespace
  portwatch explain --for 60s 10.0.0.2:443           look longer, which tells a slow leak

The verdicts: leak (connections are opened and not closed), churn (short connections, whose ports
wait in TIME_WAIT), thief (others hold the ports through bind), narrow range, too few peers, and not
here (connects fail, but not for want of a port on this host).

Exit codes: 0 answered, 1 unexpected failure, 2 bad usage, 3 missing privileges, 4 this kernel
can't run it.";

/// `portwatch explain`
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's help"
    )]
    pub ask: AskArgs,
    /// Look for this long, to see whether connections are closed as they are opened
    #[arg(long = "for", value_name = "DURATION", default_value = "3s")]
    #[arg(value_parser = parse_duration)]
    pub look: Duration,
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
