//! portwatch's build, test, demonstration and measuring commands: `cargo xtask COMMAND`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod build_ebpf;
mod child;
mod demo;
mod digest;
mod ebpf_tools;
mod house;
mod interrupt;
mod netns;
mod packages;
mod privilege;
mod process;
mod run;
mod strip;
mod test;
mod workspace;

/// Builds, tests, demonstrates and measures portwatch.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Args),
    Test(test::Args),
    Demo(demo::Args),
    BuildEbpf(build_ebpf::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run::run(args),
        Command::Test(args) => test::run(args),
        Command::Demo(args) => demo::run(args),
        Command::BuildEbpf(args) => build_ebpf::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
