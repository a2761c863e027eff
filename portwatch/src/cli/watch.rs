use std::time::Duration;

use clap::{
    Args, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
    value_parser,
};
use log::LevelFilter;

use super::{LogArgs, ServedArgs, TupleArgs};
use crate::model::{Ratio, parse_comm, parse_duration, parse_ring_size, parse_short_duration};

/// `portwatch watch`
#[derive(Args, Clone, Debug)]
pub struct WatchArgs {
    /// Print one JSON object a line instead of text
    #[arg(long)]
    pub json: bool,
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
    /// Stop after this time: 30s, 5m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// How many of the fullest tuples to show at the start
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub top: usize,
    /// With --json: every interval, the counts of every tuple, and how the tracer itself does
    #[arg(long, requires = "json", hide = true)]
    pub counts: bool,
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
    /// Only processes of this command name, as in /proc/PID/comm
    #[arg(long, value_name = "NAME", value_parser = parse_comm)]
    #[arg(help_heading = "Filters (repeat one for alternatives)")]
    pub comm: Vec<String>,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's help"
    )]
    pub served: ServedArgs,
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's help"
    )]
    pub tracer: TracerArgs,
}

/// How the tracer works.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Tracer")]
pub struct TracerArgs {
    /// Time between two looks at the counters, for rates and the rest of a storm: 1s, 500ms
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_duration)]
    pub interval: Duration,
    /// Hook set; auto is the best that works, doctor tells which
    #[arg(long, value_name = "HOOKS", value_enum, default_value_t = Hooks::Auto)]
    pub hooks: Hooks,
    /// How to follow TIME_WAIT: by each timer's events, or by sweeps alone (cheaper, less exact)
    #[arg(long, value_name = "HOW", value_enum, default_value_t = TimeWaitChoice::Auto)]
    pub time_wait: TimeWaitChoice,
    /// Time between two sweeps over the kernel's own list; auto is 60s, or 5s where sweeps follow
    /// TIME_WAIT
    #[arg(long, value_name = "DURATION", default_value = "auto", value_parser = parse_auto)]
    pub sweep_interval: Choice,
    /// Look at what connect(2) returns, to tell missing source addresses, and bind(2), to tell that
    /// no port was free; slows every system call
    #[arg(long, value_name = "on|off", default_value = "on")]
    #[arg(value_parser = PossibleValuesParser::new(["on", "off"]).map(|word| word == "on"))]
    #[arg(action = clap::ArgAction::Set, hide_possible_values = true)]
    pub connect_errno: bool,
    /// Tell when port searches of a tuple take longer than this; 0 for never (fentry and kprobe
    /// hooks only)
    #[arg(long, value_name = "DURATION", default_value = "250us", value_parser = parse_search)]
    pub slow_search: SlowSearch,
    /// Sockets that can be tracked
    #[arg(long, value_name = "N", default_value_t = 262_144)]
    #[arg(value_parser = value_parser!(u32).range(1..=33_554_432))]
    pub max_sockets: u32,
    /// Tuples that can be tracked
    #[arg(long, value_name = "N", default_value_t = 65_536)]
    #[arg(value_parser = value_parser!(u32).range(1..=4_194_304))]
    pub max_tuples: u32,
    /// Size of the ring buffer of events, in bytes: 256K, 1M
    #[arg(long, value_name = "BYTES", default_value = "256K", value_parser = parse_ring_size)]
    pub ring_size: u32,
    /// Log of the kernel side, on stderr
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = BpfLog::Off)]
    pub bpf_log: BpfLog,
}

/// A hook set, or the best one that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "a doc comment here would show in the help")]
pub enum Hooks {
    Auto,
    Fentry,
    Kprobe,
    Tracepoint,
}

/// How TIME_WAIT is followed: by the events of its timers, which is exact; by sweeps alone, which
/// is cheaper and late by up to a sweep's interval; or by events where the kernel allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "a doc comment here would show in the help")]
pub enum TimeWaitChoice {
    Events,
    Sweep,
    Auto,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "a doc comment here would show in the help")]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// Level of the kernel side's log, as `aya_log::Level` numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "a doc comment here would show in the help")]
pub enum BpfLog {
    Off = 0,
    Error = 1,
    Warn = 2,
    Info = 3,
    Debug = 4,
}

impl From<BpfLog> for LevelFilter {
    fn from(level: BpfLog) -> Self {
        match level {
            BpfLog::Off => Self::Off,
            BpfLog::Error => Self::Error,
            BpfLog::Warn => Self::Warn,
            BpfLog::Info => Self::Info,
            BpfLog::Debug => Self::Debug,
        }
    }
}

/// How long a port search may take; none for no look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowSearch(pub Option<Duration>);

/// A duration; none where that is left to the program, or where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice(pub Option<Duration>);

fn parse_auto(text: &str) -> Result<Choice, String> {
    parse_or("auto", text)
}

/// Reads a duration, or the word for none.
///
/// # Errors
/// A sentence for the command line.
pub(super) fn parse_or(none: &str, text: &str) -> Result<Choice, String> {
    if text.trim() == none {
        return Ok(Choice(None));
    }
    let duration = parse_duration(text);
    let duration = duration.map_err(|error| format!("{error}; or {none}"))?;
    Ok(Choice(Some(duration)))
}

/// The kernel side measures in 32 bits of nanoseconds.
const LONGEST_SEARCH: Duration = Duration::from_secs(4);

fn parse_search(text: &str) -> Result<SlowSearch, String> {
    if text.trim() == "0" {
        return Ok(SlowSearch(None));
    }
    let duration = parse_short_duration(text)?;
    if duration > LONGEST_SEARCH {
        return Err("too long: no port search takes more than 4s".to_owned());
    }
    Ok(SlowSearch(Some(duration)))
}
