use std::{path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum};

use super::{Color, LogArgs, TupleArgs, Whom};
use crate::model::parse_comm;

const EXAMPLES: &str = "\
Examples:
  portwatch replay incident.pw                       every event, as watch printed it
  portwatch replay incident.pw --json -P 443         for programs, one backend
  portwatch replay incident.pw --speed 10            ten times as fast as it happened
  portwatch replay incident.pw top                   the live table as it was; q quits
  portwatch replay incident.pw explain               why the fullest tuple ran out of ports
  portwatch replay incident.pw explain 10.0.0.2:443  why this one did

It needs no privileges and looks at nothing but the file. A recording that was cut is replayed up to
there; stderr tells.

Exit codes: 0 replayed, 1 the recording is damaged or none, 2 bad usage.";

/// `portwatch replay`
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ReplayArgs {
    /// The recording; - for stdin, or the socket of a daemon, to watch along
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How to look at it
    #[arg(value_name = "VIEW", value_enum, default_value_t = View::Watch)]
    pub view: View,
    /// With explain: the tuple whose report to print, or a PEER alone [default: of those that fail,
    /// the fullest]
    #[arg(value_name = "TUPLE")]
    pub whom: Option<Whom>,
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// With explain: print Markdown instead of text
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// So many times as fast as it happened: 1, 10, 0.5 [default: at once, top: 1]
    #[arg(long, value_name = "N")]
    pub speed: Option<Speed>,
    /// How many of the fullest tuples to show at the start
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub top: usize,
    /// When to use colour; auto is on a terminal, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    pub color: Color,
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
    /// Only this process
    #[arg(short, long, value_name = "PID", value_delimiter = ',')]
    #[arg(help_heading = "Filters (repeat one for alternatives)")]
    pub pid: Vec<u32>,
    /// Only processes of this command name
    #[arg(long, value_name = "NAME", value_parser = parse_comm)]
    #[arg(help_heading = "Filters (repeat one for alternatives)")]
    pub comm: Vec<String>,
}

/// A way to look at a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum View {
    /// Every event as it happened
    Watch,
    /// The live table as it was, to look around in
    Top,
    /// Why a tuple ran out of ports, from the last report that was recorded
    Explain,
}

/// How fast to replay, in times of real time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed(f64);

impl Speed {
    /// A positive number.
    #[must_use]
    pub fn times(self) -> f64 {
        self.0
    }
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.trim().trim_end_matches(['x', 'X']).parse().ok();
        number
            .filter(|times: &f64| times.is_finite() && *times > 0.0)
            .map(Self)
            .ok_or_else(|| "expected a positive number such as 10 or 0.5".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::Speed;

    #[test]
    fn a_speed_is_a_positive_number() {
        let speed = |text: &str| text.parse::<Speed>().ok().map(Speed::times);
        assert_eq!(speed("10"), Some(10.0));
        assert_eq!(speed("0.5x"), Some(0.5));
        for text in ["0", "-1", "inf", "nan", "", "x", "fast"] {
            assert_eq!(speed(text), None, "{text}");
        }
    }
}
