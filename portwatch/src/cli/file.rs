//! Options from a file, taken for what they would be on the command line.

use std::ffi::OsString;

use clap::{
    Arg, ArgAction, ArgMatches, Command as Clap, CommandFactory,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};

use super::{Cli, Command, DaemonArgs, parse::try_parse};
use crate::model::Ratios;

const NAME: &str = "daemon";
/// What nobody sees: the command line was the daemon's when it was first read.
const NOT_OURS: &str = "not the daemon's command line";
/// What makes no sense in the file itself.
const NOT_IN_FILE: [&str; 1] = ["config"];
/// What a running daemon can change.
const LIVE: [&str; 9] = [
    "warning",
    "critical",
    "eta_warning",
    "netns",
    "peer",
    "port",
    "top",
    "log",
    "config",
];

/// An option of the file: its key, and its values as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOption {
    /// As in the file.
    pub key: String,
    /// As on the command line.
    pub values: Vec<String>,
}

/// What may stand under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// A list of values.
    pub many: bool,
    /// `on` or `off`.
    pub switch: bool,
}

/// The daemon's options, from the command line and a file.
#[derive(Clone, Debug)]
pub struct Merged {
    /// All of them.
    pub args: DaemonArgs,
    /// The thresholds among them.
    pub ratios: Ratios,
    matches: ArgMatches,
}

/// Every key that a file may have, in the order of the help.
#[must_use]
pub fn keys() -> Vec<String> {
    options(&command()).map(key).collect()
}

/// What may stand under a key; none for one that does not exist.
#[must_use]
pub fn shape(name: &str) -> Option<Shape> {
    let command = command();
    let option = options(&command).find(|option| key(option) == name)?;
    let possible = option.get_possible_values();
    Some(Shape {
        many: matches!(option.get_action(), ArgAction::Append),
        switch: possible.iter().any(|value| value.get_name() == "on"),
    })
}

/// Whether an option's values would do, whatever the others are.
///
/// # Errors
/// What is allowed.
pub fn check(option: &FileOption) -> Result<(), String> {
    let words = ["portwatch", NAME].map(OsString::from).into_iter();
    let words = words.chain(flags(option));
    match Cli::command().try_get_matches_from(words) {
        Ok(_) => Ok(()),
        Err(error) => Err(allowed(&error)),
    }
}

/// Options of the command line that these arguments are from, and of a file where those don't say
/// otherwise.
///
/// # Errors
/// What makes no sense together.
pub fn merge(given: &DaemonArgs, file: &[FileOption]) -> Result<Merged, String> {
    let told = told(given.words.clone())?;
    let mut words = given.words.iter().take(2).cloned().collect::<Vec<_>>();
    let command = command();
    for option in file {
        let on_command_line = options(&command)
            .find(|known| key(known) == option.key)
            .and_then(|known| told.value_source(known.get_id().as_str()))
            == Some(ValueSource::CommandLine);
        if !on_command_line {
            words.extend(flags(option));
        }
    }
    words.extend(given.words.iter().skip(2).cloned());
    let matches = self::told(words.clone())?;
    let parsed = try_parse(words).map_err(|error| allowed(&error))?;
    match parsed.command {
        Command::Daemon(args) => Ok(Merged {
            ratios: Ratios::new(args.warning, args.critical)?,
            args: *args,
            matches,
        }),
        _ => Err(NOT_OURS.to_owned()),
    }
}

impl Merged {
    /// The options that differ and that a running daemon can't change.
    #[must_use]
    pub fn needing_restart(&self, other: &Self) -> Vec<String> {
        let command = command();
        let changed = options(&command).filter(|option| {
            let values = |merged: &Self| -> Vec<OsString> {
                let raw = merged.matches.get_raw(option.get_id().as_str());
                raw.into_iter().flatten().map(OsString::from).collect()
            };
            values(self) != values(other)
        });
        let keys = changed.map(key);
        keys.filter(|key| !LIVE.contains(&key.as_str())).collect()
    }
}

/// What a command line tells of the subcommand.
fn told(words: Vec<OsString>) -> Result<ArgMatches, String> {
    let matches = Cli::command().try_get_matches_from(words);
    let mut matches = matches.map_err(|error| allowed(&error))?;
    match matches.remove_subcommand() {
        Some((name, told)) if name == NAME => Ok(told),
        _ => Err(NOT_OURS.to_owned()),
    }
}

/// The subcommand's declaration.
fn command() -> Clap {
    let command = Cli::command();
    command.find_subcommand(NAME).cloned().unwrap_or(command)
}

/// The options that a file may have.
fn options(command: &Clap) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|argument| {
        let takes_value = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
        let name = argument.get_long();
        takes_value && name.is_some_and(|name| !NOT_IN_FILE.contains(&name))
    })
}

fn key(option: &Arg) -> String {
    option.get_long().unwrap_or_default().replace('-', "_")
}

fn flags(option: &FileOption) -> impl Iterator<Item = OsString> {
    let flag = option.key.replace('_', "-");
    let values = option.values.iter();
    values.map(move |value| format!("--{flag}={value}").into())
}

/// What is wrong, without the command line around it.
fn allowed(error: &clap::Error) -> String {
    match error.kind() {
        ErrorKind::ValueValidation if error.get(ContextKind::InvalidArg).is_some() => {
            std::error::Error::source(error).map_or_else(|| first_line(error), ToString::to_string)
        }
        ErrorKind::InvalidValue => match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(values)) if !values.is_empty() => {
                format!("expected one of {}", values.join(", "))
            }
            _ => "expected a value".to_owned(),
        },
        _ => first_line(error),
    }
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::{DaemonArgs, FileOption, check, keys, merge, shape};
    use crate::cli::{Command, parse::try_parse};

    fn option(key: &str, values: &[&str]) -> FileOption {
        FileOption {
            key: key.to_owned(),
            values: values.iter().map(|&value| value.to_owned()).collect(),
        }
    }

    fn given(line: &str) -> DaemonArgs {
        let words = line.split_whitespace().map(Into::into).collect();
        match try_parse(words).map(|parsed| parsed.command) {
            Ok(Command::Daemon(args)) => *args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_option_of_a_value_is_a_key() {
        let keys = keys();
        for key in [
            "listen",
            "log",
            "top",
            "warning",
            "netns",
            "port",
            "max_sockets",
            "interval",
        ] {
            assert!(keys.iter().any(|it| it == key), "{key} in {keys:?}");
        }
        for key in ["config", "check_config", "verbose", "help", "words"] {
            assert!(!keys.iter().any(|it| it == key), "{key} in {keys:?}");
        }
        assert!(shape("netns").unwrap().many && !shape("top").unwrap().many);
        assert!(shape("connect_errno").unwrap().switch && !shape("hooks").unwrap().switch);
        assert_eq!(shape("sweep-interval"), None);
    }

    #[test]
    fn a_value_is_valid_here_if_it_is_there() {
        assert_eq!(check(&option("warning", &["0.4"])), Ok(()));
        assert_eq!(check(&option("port", &["80", "443"])), Ok(()));
        assert_eq!(check(&option("eta_warning", &["never"])), Ok(()));
        for (key, value, words) in [
            ("warning", "50", "for a percentage write 50%"),
            ("interval", "0", "the least duration is 1ms"),
            (
                "hooks",
                "best",
                "expected one of auto, fentry, kprobe, tracepoint",
            ),
            ("port", "65536", "65536 is not in 0..=65535"),
            ("top", "0", "0 is not in 1..="),
            ("sweep_interval", "soon", "bare number is seconds; or auto"),
            ("eta_warning", "auto", "bare number is seconds; or never"),
            ("listen", "localhost", "127.0.0.1:9817"),
            ("peer", "--config=x", "10.0.0.7"),
        ] {
            let error = check(&option(key, &[value])).unwrap_err();
            assert!(error.contains(words), "{key}: {error}");
        }
    }

    #[test]
    fn the_command_line_comes_before_the_file() {
        let given = given("portwatch daemon --warning 40% --port 80");
        let file = [
            option("warning", &["30%"]),
            option("critical", &["90%"]),
            option("port", &["443", "8443"]),
            option("peer", &["10.0.0.1", "10.0.0.2"]),
        ];
        let merged = merge(&given, &file).unwrap();
        assert_eq!(merged.ratios.warning().permille(), 400);
        assert_eq!(merged.ratios.critical().permille(), 900);
        assert_eq!(merged.args.tuples.port, [80]);
        assert_eq!(merged.args.tuples.peer.len(), 2);
    }

    #[test]
    fn thresholds_have_to_agree_in_the_end() {
        let file = [option("warning", &["90%"])];
        let error = merge(&given("portwatch daemon"), &file).unwrap_err();
        assert!(error.contains("(90 %) is above the critical"), "{error}");
        assert!(merge(&given("portwatch daemon --critical 95%"), &file).is_ok());
    }

    #[test]
    fn what_needs_a_restart_is_named() {
        let given = given("portwatch daemon");
        let before = merge(&given, &[]).unwrap();
        let file = [
            option("warning", &["30%"]),
            option("log", &["json"]),
            option("interval", &["2s"]),
            option("listen", &["off"]),
        ];
        let after = merge(&given, &file).unwrap();
        assert_eq!(before.needing_restart(&after), ["listen", "interval"]);
        let same = merge(&given, &[option("interval", &["1s"])]).unwrap();
        assert!(before.needing_restart(&same).is_empty());
    }
}
