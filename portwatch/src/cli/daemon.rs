use std::{ffi::OsString, net::SocketAddr, path::PathBuf, str::FromStr};

use clap::{
    Args, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};

use super::{
    LogArgs, TracerArgs, TupleArgs,
    watch::{Choice, parse_or},
};
use crate::model::Ratio;

const EXAMPLES: &str = "\
Examples:
  portwatch daemon                                   metrics on http://127.0.0.1:9817/metrics
  portwatch daemon --listen 0.0.0.0:9817             for everybody who can reach this host
  portwatch daemon --socket off                      no socket for watch, top, explain and check
  portwatch daemon --check-config                    is the file well, and what is wrong with it

Every option of a value may stand in the file, under its name with _ for -: sweep_interval = \"60s\".
One that may be repeated takes a list: port = [443, 8443]. Options given here come before the file's.
SIGHUP has the file read again; thresholds, --eta-warning, filters, --top and --log follow at once,
the others need a restart.

Exit codes: 0 ended as asked, 1 unexpected failure, 2 bad usage or file, 3 missing privileges, 4 this
kernel can't run it.";

/// `portwatch daemon`
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct DaemonArgs {
    /// File of options [default: /etc/portwatch/portwatch.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Check the file and the options, and end
    #[arg(long)]
    pub check_config: bool,
    /// Serve HTTP at this address and port: /metrics, /healthz and a page for people; off for nowhere
    #[arg(long, value_name = "ADDRESS|off", value_delimiter = ',')]
    #[arg(default_value = "127.0.0.1:9817")]
    pub listen: Vec<Listen>,
    /// Serve watch, top, explain and check on this unix socket, to root and the group portwatch; auto
    /// is /run/portwatch/portwatch.sock where it can be made, off is nowhere
    #[arg(long, value_name = "PATH|auto|off", default_value = "auto")]
    pub socket: SocketAt,
    /// Form of the log of events; auto is journal under systemd, else text
    #[arg(long = "log", value_name = "FORM", value_enum, default_value_t = LogForm::Auto)]
    pub log_form: LogForm,
    /// How many of the fullest tuples to show, and as many of those that failed within the last hour
    #[arg(long, value_name = "N", default_value_t = 50)]
    #[arg(value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    pub top: usize,
    /// Warn from this share of a tuple's capacity on: 0.5 or 50%
    #[arg(long, value_name = "RATIO", default_value = "50%")]
    pub warning: Ratio,
    /// Call it critical from this share on
    #[arg(long, value_name = "RATIO", default_value = "80%")]
    pub critical: Ratio,
    /// Warn, too, when a tuple will be full within this time at its present pace: 60s
    #[arg(long, value_name = "DURATION", default_value = "never", value_parser = parse_never)]
    pub eta_warning: Choice,
    /// Give back, after the start, what only the start needs: capabilities, system calls, files; off is
    /// for looking for faults
    #[arg(long, value_name = "on|off", default_value = "on")]
    #[arg(value_parser = PossibleValuesParser::new(["on", "off"]).map(|word| word == "on"))]
    #[arg(action = clap::ArgAction::Set, hide_possible_values = true)]
    pub confinement: bool,
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
    /// The command line that these are from, the program's name first: a file's options go between.
    #[arg(skip)]
    pub words: Vec<OsString>,
}

fn parse_never(text: &str) -> Result<Choice, String> {
    parse_or("never", text)
}

/// Where to serve HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Off,
    /// At this address and port.
    At(SocketAddr),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse().map(Self::At).map_err(|_| {
            "expected an address and a port such as 127.0.0.1:9817 or [::1]:9817, or off".to_owned()
        })
    }
}

/// Where the unix socket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketAt {
    /// At [`SOCKET`](super::SOCKET), if possible.
    Auto,
    /// Nowhere.
    Off,
    /// At this path.
    Path(PathBuf),
}

impl FromStr for SocketAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            path if path.starts_with('/') => Ok(Self::Path(path.into())),
            _ => Err(
                "expected a path from / on such as /run/portwatch/portwatch.sock, auto, or off"
                    .to_owned(),
            ),
        }
    }
}

/// How events are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "a doc comment here would show in the help")]
pub enum LogForm {
    Auto,
    Text,
    Json,
    Journal,
}
