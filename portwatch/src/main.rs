//! The command line program: parse, dispatch, exit code.

use std::{io::Write, process::ExitCode};

use log::LevelFilter;
use portwatch::{
    cli::{self, Command, Parsed},
    commands::{check, doctor, explain, free, record, replay, watch},
    exit::Exit,
};

fn main() -> ExitCode {
    let Parsed { command, ratios } = match cli::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(exit) => return exit.into(),
    };
    log_to_stderr(command.log_level());
    let result = match command {
        Command::Watch(args) => watch::run(&args, ratios),
        Command::Check(args) => Ok(check::run(&args, ratios)),
        Command::Free(args) => free::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Record(args) => record::run(&args, ratios),
        Command::Replay(args) => replay::run(&args),
        Command::Doctor(args) => doctor::run(&args),
    };
    result.unwrap_or_else(|error| Exit::report(&error)).into()
}

/// The kernel side's log has the same module as ours; of the libraries only errors are told.
fn log_to_stderr(level: LevelFilter) {
    env_logger::Builder::new()
        .filter_level(LevelFilter::Error)
        .filter_module("portwatch", level)
        .format(|out, record| {
            let level = record.level().as_str().to_lowercase();
            writeln!(out, "portwatch: {level}: {}", record.args())
        })
        .init();
}
