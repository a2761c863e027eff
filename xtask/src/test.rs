//! `cargo xtask test`: everything that has to hold before a change is taken.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    build_ebpf, house,
    support::{packages, privilege, process, tally::Tally, workspace},
    vm,
};

/// What every kernel has to pass at each check of everything: counts, alerts and failures, over both
/// families, and what is told of the free ports. All tests in all guests take the better part of an
/// hour.
const KERNEL_TESTS: &[&str] = &["fill::", "explain::"];

/// Checks everything: formatting, lints, tests, documentation, the committed BPF object.
///
/// Installs what it needs from the system's packages and with cargo. The tests load BPF
/// programs and make network namespaces of their own: where this is not run by root, sudo starts
/// the compiled tests (and nothing else). The last step boots other kernels, with
/// each hook set, for some of the tests; `cargo xtask vm` runs all of them there.
#[derive(clap::Args)]
pub struct Args {
    /// Only what needs neither root nor system packages: formatting, lints, unit tests, house rules
    #[arg(long)]
    quick: bool,
    /// Leave out the virtual machines, which take the larger part of the time
    #[arg(long)]
    no_vm: bool,
}

pub fn run(args: Args) -> Result<()> {
    let mut steps = Steps::default();
    let mut tally = Tally::default();
    if !args.quick {
        use packages::{
            BPFTOOL, BPFTRACE, HAPROXY, IP, JQ, PROMTOOL, SHELLCHECK, SS, TMUX, XZ, YAMLLINT,
        };
        steps.step("system packages", || {
            packages::ensure(&[HAPROXY, IP, SS, BPFTRACE, BPFTOOL, TMUX, XZ])?;
            packages::ensure(&[JQ, PROMTOOL, SHELLCHECK, YAMLLINT])
        });
    }
    steps.step("formatting", || {
        process::run(&mut cargo(&["fmt", "--all", "--check"]))
    });
    steps.step("house rules", || house::check(workspace::root()));
    steps.step("lints", || {
        process::run(&mut cargo(&[
            "clippy",
            "--locked",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))
    });
    steps.step("alert rules, dashboard, unit and manifests", || {
        process::run(&mut Command::new(workspace::root().join("dist/check")))
    });
    if args.quick {
        let unit = ["test", "--locked", "--no-fail-fast", "--lib", "--bins"];
        steps.step("unit tests", || tests(&mut cargo(&unit), &mut tally));
    } else {
        steps.step("tests", || all_tests(&mut tally));
        steps.step("the demonstration, with a real HAProxy, and top", || {
            // The pictures are drawn only when top shows HAProxy's tuple first, and it as the owner.
            let pictures = workspace::target().join("top");
            demonstration(&["--screenshot".as_ref(), pictures.as_os_str()])
        });
        steps.step("the same, half of the ports bound by others", || {
            demonstration(&["--bound".as_ref()])
        });
        steps.step(
            "a fleet, with a real Prometheus and the alert rules",
            || of_this_build("fleet", &[]),
        );
        steps.step("documentation", || {
            let mut doc = cargo(&["doc", "--locked", "--no-deps"]);
            process::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
        });
        steps.step("the committed BPF object", || {
            build_ebpf::lint()?;
            build_ebpf::check()
        });
        if !args.no_vm {
            steps.step("the kernels", || vm::run(vm::Args::of_tests(KERNEL_TESTS)));
        }
    }
    steps.summary(&tally)
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(workspace::cargo());
    command.args(arguments).current_dir(workspace::root());
    command
}

/// Unit, integration and documentation tests, the compiled tests run by root.
fn all_tests(tally: &mut Tally) -> Result<()> {
    let mut command = cargo(&["test", "--locked", "--no-fail-fast"]);
    if !privilege::is_root() {
        println!("the tests load BPF programs: sudo starts them");
        let sudo = privilege::as_root("env")?;
        let runner = process::show(&sudo);
        command.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", &runner);
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", &runner);
    }
    tests(&mut command, tally)
}

/// The incident end to end; it fails unless portwatch's count is HAProxy's own.
fn demonstration(arguments: &[&OsStr]) -> Result<()> {
    of_this_build("demo", &[&["--json".as_ref()], arguments].concat())
}

/// Another command of this program, with the portwatch that the tests have built.
fn of_this_build(command: &str, arguments: &[&OsStr]) -> Result<()> {
    let itself = std::env::current_exe().context("finding this program")?;
    let portwatch = workspace::target().join("debug/portwatch");
    process::run(
        Command::new(itself)
            .args([command, "--portwatch"])
            .arg(portwatch)
            .args(arguments),
    )
}

/// Runs cargo's tests, shows what they print, and adds up their results.
fn tests(command: &mut Command, tally: &mut Tally) -> Result<()> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("could not start cargo")?;
    let output = child.stdout.take().context("no output to read")?;
    for line in BufReader::new(output).lines() {
        let line = line.context("reading the tests' output")?;
        println!("{line}");
        tally.add(&line);
    }
    let status = child.wait().context("waiting for cargo")?;
    if !status.success() {
        bail!("`{}` failed: {status}", process::show(command));
    }
    Ok(())
}

/// The steps so far.
#[derive(Default)]
struct Steps(Vec<(&'static str, Duration, Result<()>)>);

impl Steps {
    /// Runs a step; a failure is remembered, and the following steps still run.
    fn step(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) {
        println!("\n== {name}");
        let started = Instant::now();
        let result = step();
        if let Err(error) = &result {
            println!("FAILED: {error:#}");
        }
        self.0.push((name, started.elapsed(), result));
    }

    fn summary(self, tally: &Tally) -> Result<()> {
        println!("\n== summary");
        let mut failed = 0;
        for (name, time, result) in &self.0 {
            let verdict = if result.is_ok() { "ok" } else { "FAILED" };
            println!("{verdict:7} {name} ({:.1} s)", time.as_secs_f64());
            failed += usize::from(result.is_err());
        }
        println!("{} passed, {} failed", tally.passed, tally.failed);
        if failed > 0 {
            bail!("{failed} of {} steps failed", self.0.len());
        }
        Ok(())
    }
}
