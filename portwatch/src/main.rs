//! The command line program: parse, dispatch, exit code.

use std::{io::Write, process::ExitCode};

use log::LevelFilter;
use portwatch::{
    cli::{self, Command, Parsed},
    commands::{check, doctor, watch},
    exit::Exit,
};

fn main() -> ExitCode {
    let Parsed { command, ratios } = match cli::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(exit) => return exit.into(),
    };
    log_to_stderr(command.log().verbose);
    let result = match command {
        Command::Watch(args) => watch::run(&args, ratios),
        Command::Check(args) => Ok(check::run(&args, ratios)),
        Command::Doctor(args) => doctor::run(&args),
    };
    result.unwrap_or_else(|error| Exit::report(&error)).into()
}

/// Warnings, and with `-v` more; the libraries' own talk only with `-vvv`.
fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::Warn,
        1 => LevelFilter::Info,
        _ => LevelFilter::Debug,
    };
    let mut builder = env_logger::Builder::new();
    if verbose < 3 {
        builder.filter_level(LevelFilter::Error);
        builder.filter_module("portwatch", level);
    } else {
        builder.filter_level(LevelFilter::Trace);
    }
    builder
        .format(|out, record| {
            let level = record.level().as_str().to_lowercase();
            writeln!(out, "portwatch: {level}: {}", record.args())
        })
        .init();
}
