use std::{ffi::OsString, io};

use clap::{CommandFactory, FromArgMatches, error::ErrorKind};

use super::{Cli, Command, served::own};
use crate::{
    exit::Exit,
    model::{CheckState, Ratios},
    output::nagios,
};

/// A command line that makes sense.
#[derive(Debug)]
pub struct Parsed {
    /// What to do.
    pub command: Command,
    /// The thresholds, the default ones where the command has none.
    pub ratios: Ratios,
}

/// Reads the command line.
///
/// # Errors
/// How to end when there is nothing to do: the help or version was asked for and printed, or the
/// usage was bad and the error told. Bad usage of `check` is UNKNOWN, and is told on stdout too,
/// where monitoring systems look.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed, Exit> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // Its options may stand behind it only, so it is the first word or not at all.
    let is_check = arguments.get(1).is_some_and(|word| word == "check");
    try_parse(arguments).map_err(|error| {
        // Nothing can be done about an output that does not take the message.
        let _ = error.print();
        match (error.use_stderr(), is_check) {
            (false, _) => Exit::Ok,
            (true, false) => Exit::Usage,
            (true, true) => {
                let _ = nagios::write_unknown(&mut io::stdout(), &first_line(&error));
                Exit::Check(CheckState::Unknown)
            }
        }
    })
}

pub(super) fn try_parse(arguments: Vec<OsString>) -> Result<Parsed, clap::Error> {
    let matches = Cli::command().try_get_matches_from(&arguments)?;
    let mut command = Cli::from_arg_matches(&matches)?.into_command();
    match &mut command {
        Command::Daemon(args) => args.words = arguments,
        Command::Watch(args) => args.served.own = own(&matches),
        Command::Top(args) => args.served.own = own(&matches),
        Command::Explain(args) => args.served.own = own(&matches),
        Command::Check(args) => args.served.own = own(&matches),
        _ => {}
    }
    let ratios = match &command {
        Command::Watch(args) => Ratios::new(args.warning, args.critical),
        Command::Top(args) => Ratios::new(args.warning, args.critical),
        Command::Check(args) => Ratios::new(args.warning, args.critical),
        Command::Record(args) => Ratios::new(args.warning, args.critical),
        // The daemon's file has a say in them, too.
        Command::Daemon(_)
        | Command::Free(_)
        | Command::Explain(_)
        | Command::Replay(_)
        | Command::Doctor(_)
        | Command::Completions(_)
        | Command::Man(_) => Ok(Ratios::default()),
    };
    let ratios = ratios.map_err(|error| Cli::command().error(ErrorKind::ValueValidation, error))?;
    Ok(Parsed { command, ratios })
}

/// What is wrong, without the usage behind it.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::CommandFactory;
    use log::LevelFilter;
    use proptest::prelude::*;

    use super::{Cli, Command, first_line, try_parse};
    use crate::cli::{CheckArgs, Hooks, SlowSearch, SourceChoice, Speed, View, WatchArgs};

    fn parsed(line: &str) -> Result<Command, clap::Error> {
        let words = line.split_whitespace().map(Into::into).collect();
        try_parse(words).map(|parsed| parsed.command)
    }

    fn watch(line: &str) -> WatchArgs {
        match parsed(line) {
            Ok(Command::Watch(args)) => *args,
            other => panic!("{other:?}"),
        }
    }

    fn check(line: &str) -> CheckArgs {
        match parsed(line) {
            Ok(Command::Check(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_declaration_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn watch_is_the_default_command() {
        for line in ["portwatch", "portwatch watch"] {
            let args = watch(line);
            assert_eq!(args.warning.permille(), 500);
            assert_eq!(args.critical.permille(), 800);
            assert_eq!(args.tracer.interval, Duration::from_secs(1));
            assert_eq!(args.tracer.hooks, Hooks::Auto);
            let slow = Some(Duration::from_micros(250));
            assert_eq!(args.tracer.slow_search, SlowSearch(slow));
            assert_eq!(args.tracer.ring_size, 262_144);
            assert!(args.tracer.connect_errno && args.duration.is_none());
            assert_eq!(args.eta_warning, None);
        }
        for line in [
            "portwatch --json -P 80,443",
            "portwatch watch --json -P 80 -P 443",
        ] {
            let args = watch(line);
            assert!(args.json);
            assert_eq!(args.tuples.port, [80, 443]);
        }
    }

    #[test]
    fn every_option_of_watch_is_read() {
        let args = watch(
            "portwatch -N web1 --netns /proc/1/ns/net --peer 10.0.0.0/8 --peer ::1 -p 1,2 \
             --comm haproxy --warning 0.7 --critical 90% --eta-warning 1m --interval 500ms --duration 30 \
             --time-wait sweep --sweep-interval 5s --hooks tracepoint --connect-errno off \
             --max-sockets 1024 --max-tuples 64 --ring-size 4K --slow-search 0 --bpf-log debug --color never \
             --top 3 -vv",
        );
        assert_eq!(args.tuples.netns.len(), 2);
        assert_eq!(args.tuples.peer.len(), 2);
        assert_eq!(args.pid, [1, 2]);
        assert_eq!(args.comm, ["haproxy"]);
        assert_eq!(args.duration, Some(Duration::from_secs(30)));
        assert_eq!(args.eta_warning, Some(Duration::from_secs(60)));
        assert!(!args.tracer.connect_errno);
        assert_eq!(args.log.verbose, 2);
    }

    #[test]
    fn check_has_the_short_options_of_plugins() {
        let args = check("portwatch check -w 70% -c 0.9 -t 3 --source netlink -N web1 -v");
        assert_eq!(args.warning.permille(), 700);
        assert_eq!(args.critical.permille(), 900);
        assert_eq!(args.timeout, Duration::from_secs(3));
        assert_eq!(args.source, SourceChoice::Netlink);
    }

    #[test]
    fn free_takes_a_tuple_as_it_is_printed() {
        let words = [
            "portwatch",
            "free",
            "-N",
            "web1",
            "::1 -> [::1]:80",
            "--range=1-0",
        ];
        let command = try_parse(words.map(Into::into).into()).map(|parsed| parsed.command);
        let Ok(Command::Free(args)) = command else {
            panic!("{command:?}");
        };
        assert_eq!(args.ask.tuple.peer.port(), 80);
        assert_eq!(
            args.ask.range.map(|range| (range.low, range.high)),
            Some((1, 0))
        );
    }

    #[test]
    fn record_has_the_filters_and_the_tracers_options() {
        let command = parsed(
            "portwatch record out.pw --for 5m --force -N web1 --peer 10.0.0.2 -P 443 --warning 40% \
             --eta-warning 1m --interval 500ms --hooks kprobe -v",
        );
        let Ok(Command::Record(args)) = command else {
            panic!("{command:?}");
        };
        assert_eq!(args.file.as_os_str(), "out.pw");
        assert_eq!(args.duration, Some(Duration::from_secs(300)));
        assert!(args.force);
        assert_eq!(args.warning.permille(), 400);
        assert_eq!(args.tuples.port, [443]);
        assert_eq!(args.tracer.hooks, Hooks::Kprobe);
    }

    #[test]
    fn replay_watches_unless_told_otherwise() {
        let replay = |line| match parsed(line) {
            Ok(Command::Replay(args)) => *args,
            other => panic!("{other:?}"),
        };
        let args = replay("portwatch replay in.pw");
        assert_eq!(
            (args.view, args.whom, args.speed),
            (View::Watch, None, None)
        );
        let args =
            replay("portwatch replay - watch --json --speed 10 -N web1 -p 1 --comm x --top 3");
        assert_eq!(args.file.as_os_str(), "-");
        assert_eq!(args.speed.map(Speed::times), Some(10.0));
        let args = replay("portwatch replay in.pw explain 10.0.0.2:443 --color never");
        assert_eq!(args.view, View::Explain);
        assert_eq!(args.whom.and_then(|whom| whom.peer().1), Some(443));
    }

    #[test]
    fn bad_usage_is_refused() {
        for line in [
            "portwatch --no-such",
            "portwatch frobnicate",
            "portwatch --warning 80",
            "portwatch --warning 90%",
            "portwatch check -w 0.9 -c 0.8",
            "portwatch --interval 0",
            "portwatch --port 65536",
            "portwatch --peer localhost",
            "portwatch --max-tuples 0",
            "portwatch --hooks fexit",
            "portwatch --slow-search 10ns",
            "portwatch --json check",
            "portwatch doctor --duration 1s",
            "portwatch free",
            "portwatch free 10.0.0.2",
            "portwatch free 10.0.0.2:443 --range 5",
            "portwatch free 10.0.0.2:443 --local x",
            "portwatch record",
            "portwatch record out.pw --warning 90%",
            "portwatch record out.pw --json",
            "portwatch record out.pw --pid 1",
            "portwatch replay",
            "portwatch replay in.pw sideways",
            "portwatch replay in.pw explain web",
            "portwatch replay in.pw --speed 0",
            "portwatch replay in.pw --hooks fentry",
            "portwatch replay in.pw explain --json --markdown",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn errors_say_what_to_do() {
        let error = |line| first_line(&parsed(line).unwrap_err());
        assert_eq!(
            error("portwatch check -w 80"),
            "invalid value '80' for '--warning <RATIO>': more than the whole capacity: the \
             greatest threshold is 1, which is 100%; for a percentage write 80%"
        );
        assert_eq!(
            error("portwatch --slow-search 5s"),
            "invalid value '5s' for '--slow-search <DURATION>': too long: no port search takes \
             more than 4s"
        );
        assert_eq!(
            error("portwatch --warning 90%"),
            "the warning threshold (90 %) is above the critical threshold (80 %): \
             lower --warning or raise --critical"
        );
    }

    #[test]
    fn the_kernel_sides_log_is_let_through() {
        let level = |line| parsed(line).unwrap().log_level();
        assert_eq!(level("portwatch"), LevelFilter::Warn);
        assert_eq!(level("portwatch check -v"), LevelFilter::Info);
        assert_eq!(level("portwatch --bpf-log debug"), LevelFilter::Debug);
        assert_eq!(level("portwatch --bpf-log error"), LevelFilter::Warn);
    }

    proptest! {
        #[test]
        fn any_words_are_a_command_or_an_error(
            option in prop::sample::select(vec![
                "--warning", "--interval", "--duration", "--ring-size", "--peer", "--port",
                "--netns", "--comm", "--pid", "--hooks", "--top", "--max-tuples",
            ]),
            value in r"[0-9.%:/a-z\[\] -]{0,12}|\PC{0,12}",
        ) {
            let words = ["portwatch".into(), option.into(), value.into()];
            let _ = try_parse(words.into());
        }
    }
}
