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

#[cfg(test)]
mod tests {
    use super::{OWN, OWN_OF_CHECK};
    use crate::cli::{Command, declaration, parse::try_parse};

    #[test]
    fn options_that_a_daemon_has_decided_take_programs_of_ones_own() {
        for (line, own) in [
            ("portwatch", None),
            ("portwatch --json -P 80 -p 1", None),
            ("portwatch --hooks auto", Some("--hooks")),
            ("portwatch watch --eta-warning 1m", Some("--eta-warning")),
            ("portwatch top --freeze", None),
            ("portwatch top --warning 50%", Some("--warning")),
            ("portwatch check -w 70% -c 90% --json", None),
            ("portwatch check --source bpf", Some("--source")),
            ("portwatch explain --for 5s -N web1 10.0.0.2", None),
            (
                "portwatch explain --sweep-interval 1s",
                Some("--sweep-interval"),
            ),
        ] {
            let words = line.split(' ').map(Into::into).collect();
            let served = match try_parse(words).unwrap().command {
                Command::Watch(args) => args.served,
                Command::Top(args) => args.served,
                Command::Check(args) => args.served,
                Command::Explain(args) => args.served,
                other => panic!("{other:?}"),
            };
            assert_eq!(served.own.as_deref(), own, "{line}");
        }
    }

    #[test]
    fn these_are_options() {
        let declared = declaration();
        let of = |name: &str, id: &str| {
            let command = declared.find_subcommand(name).unwrap();
            command
                .get_arguments()
                .any(|argument| argument.get_id() == id)
        };
        for id in OWN {
            assert!(of("watch", id), "{id}");
        }
        for id in OWN_OF_CHECK {
            assert!(of("check", id), "{id}");
        }
    }
}
