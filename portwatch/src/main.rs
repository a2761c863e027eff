//! The command line program: parse, dispatch, exit code.

use std::process::ExitCode;

use portwatch::{
    cli::{self, Command, Parsed},
    commands::{check, daemon, doctor, explain, free, generate, record, replay, top, watch},
    exit::Exit,
    logging,
};

fn main() -> ExitCode {
    let Parsed { command, ratios } = match cli::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(exit) => return exit.into(),
    };
    logging::init(command.log_level());
    let result = match command {
        Command::Watch(args) => watch::run(&args, ratios),
        Command::Top(args) => top::run(&args, ratios),
        Command::Check(args) => Ok(check::run(&args, ratios)),
        Command::Free(args) => free::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Record(args) => record::run(&args, ratios),
        Command::Daemon(args) => daemon::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions(args) => generate::completions(&args),
        Command::Man(args) => generate::man(&args),
    };
    result.unwrap_or_else(|error| Exit::report(&error)).into()
}
