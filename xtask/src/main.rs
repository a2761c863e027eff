//! portwatch's build, test, demonstration and measuring commands: `cargo xtask COMMAND`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod build_ebpf;
mod demo;
mod digest;
mod dist;
mod fleet;
mod house;
mod run;
mod support;
mod test;
mod vm;

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
    Vm(vm::Args),
    Demo(demo::Args),
    Fleet(fleet::Args),
    Bench(bench::Args),
    #[command(flatten)]
    BenchHelper(bench::Helper),
    BuildEbpf(build_ebpf::Args),
    Dist(dist::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run::run(args),
        Command::Test(args) => test::run(args),
        Command::Vm(args) => vm::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Fleet(args) => fleet::run(args),
        Command::Bench(args) => bench::run(args),
        Command::BenchHelper(helper) => bench::run_helper(helper),
        Command::BuildEbpf(args) => build_ebpf::run(args),
        Command::Dist(args) => dist::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
