//! `cargo xtask vm`: the tests on other kernels, in virtual machines.

mod accelerator;
mod boots;
mod budget;
mod follow;
mod guest;
mod kernels;
pub mod measure;
mod outcome;
mod plan;
mod qemu;
mod summary;
mod table;
mod verdict;
mod whole;

use std::{
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use accelerator::Accelerator;
use boots::{Boot, Runner, Tested};
use guest::{Contents, Programs};
use kernels::{Cache, Kernel};

use crate::support::{
    interrupt::Interrupt,
    packages::{self, QEMU, XZ},
    workspace,
};

/// Every hook set, best first.
pub const HOOK_SETS: [&str; 3] = ["fentry", "kprobe", "tracepoint"];
/// Those that each kernel of the continuous integration has to offer.
const EXPECTED: [&str; 3] = ["fentry", "kprobe", "tracepoint"];

/// Where guests leave their files, under target/vm.
const RUNS: &str = "runs";

/// Several times what a guest needs where nothing else keeps the machine busy.
const DEADLINE: Duration = Duration::from_secs(20 * 60);

/// Runs the tests on Debian's own kernels, in virtual machines.
///
/// Each kernel is booted once for each hook set, with the compiled tests inside: the unit tests and
/// the end to end tests, as they run here. Kernels are downloaded with apt and kept under
/// target/vm, where each guest leaves its console and its tests' output too.
#[derive(clap::Args, Default)]
pub struct Args {
    /// A line of kernels, 6.12 for one, of which the newest is taken; can be given more than once
    /// [default: those of the continuous integration]
    #[arg(long, value_name = "LINE")]
    kernel: Vec<String>,
    /// Every line of kernels that Debian has
    #[arg(long, conflicts_with = "kernel")]
    all: bool,
    /// Any kernel image, with its modules (uncompressed) in a directory `modules` beside it
    #[arg(long, value_name = "PATH", conflicts_with = "all")]
    image: Vec<PathBuf>,
    /// Only this hook set; can be given more than once
    #[arg(long, value_name = "SET", value_parser = HOOK_SETS)]
    hooks: Vec<String>,
    /// Guests that run at a time [default: one for each processor]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// What guests execute on [default: KVM where it runs a guest]
    #[arg(long)]
    accelerator: Option<Accelerator>,
    /// Longest that a guest may run, in seconds [default: 1200]
    #[arg(long, value_name = "SECONDS")]
    deadline: Option<u64>,
    /// Write what was found to docs/kernels.md, with what the last runs of those guests found that
    /// are left out now
    #[arg(long, conflicts_with_all = ["all", "image", "tests"])]
    write_table: bool,
    /// Run nothing, and write what the last runs found
    #[arg(long, requires = "write_table", conflicts_with_all = ["kernel", "hooks"])]
    from_last_runs: bool,
    /// Which tests, and other arguments for the test programs
    #[arg(last = true)]
    tests: Vec<String>,
}

impl Args {
    /// The kernels of the continuous integration, with only these tests.
    pub fn of_tests(tests: &[&str]) -> Self {
        Self {
            tests: tests.iter().map(|name| (*name).to_owned()).collect(),
            ..Self::default()
        }
    }
}

pub fn run(args: Args) -> Result<()> {
    if cfg!(not(target_arch = "x86_64")) {
        bail!("the virtual machines are x86-64 ones, and so have to be the tests that run inside");
    }
    let interrupt = Interrupt::install()?;
    packages::ensure(&[QEMU, XZ])?;
    let directory = workspace::target().join("vm");
    if args.from_last_runs {
        return table::write(workspace::root(), &with_last(&directory, &[])?);
    }
    let kernels = kernels(&args, &directory)?;
    let programs = Programs::build()?;
    let contents = Contents::of_tests(&programs)?;
    let accelerator = match (args.accelerator, kernels.first()) {
        (Some(accelerator), _) => accelerator,
        (None, Some(kernel)) => {
            let probe = Contents::of_probe(&programs.init)?;
            Accelerator::find(&directory, kernel, &probe, &interrupt)?
        }
        (None, None) => bail!("no kernel to boot"),
    };
    let runner = Runner {
        contents: &contents,
        accelerator,
        plan: plan::of_tests(&programs, &args.tests),
        limit: args.deadline.map_or(DEADLINE, Duration::from_secs),
        jobs: match args.jobs {
            Some(jobs) => jobs.max(1),
            None => thread::available_parallelism()
                .context("counting processors")?
                .get(),
        },
        directory: directory.join(RUNS),
        interrupt: &interrupt,
    };
    let tested = runner.run(boots(&args, &kernels))?;
    if args.write_table {
        table::write(workspace::root(), &with_last(&directory, &tested)?)?;
    }
    // Somebody who looks at a few tests works on something: sizes can wait.
    let with_budget = args.tests.is_empty();
    summary::show(&tested, with_budget)
}

/// Every guest of the continuous integration: those that were tested now, and of the others what
/// their last runs found.
fn with_last(directory: &Path, tested: &[Tested]) -> Result<Vec<Tested>> {
    let all = Args::default();
    let mut found = Vec::new();
    for boot in boots(&all, &kernels(&all, directory)?) {
        let now = |one: &&Tested| one.kernel == boot.kernel.name && one.hooks == boot.hooks;
        match tested.iter().find(now) {
            Some(tested) => found.push(tested.clone()),
            None => match whole::last(&directory.join(RUNS), &boot) {
                Ok(last) => found.push(last),
                Err(error) => eprintln!("{} {}: {error:#}", boot.kernel.name, boot.hooks),
            },
        }
    }
    Ok(found)
}

fn kernels(args: &Args, directory: &Path) -> Result<Vec<Kernel>> {
    let mut kernels = Vec::new();
    for path in &args.image {
        kernels.push(kernels::image(path)?);
    }
    let default = args.kernel.is_empty() && args.image.is_empty();
    if default || !args.kernel.is_empty() {
        let cache = Cache::open(directory)?;
        let lines = match (args.all, default) {
            (true, _) => cache.lines(),
            (_, true) => kernels::CI.map(str::to_owned).to_vec(),
            _ => args.kernel.clone(),
        };
        for line in lines {
            match cache.newest(&line) {
                Ok(kernel) => kernels.push(kernel),
                Err(error) if args.all => eprintln!("going on without: {error:#}"),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(kernels)
}

fn boots(args: &Args, kernels: &[Kernel]) -> Vec<Boot> {
    let wanted = |hooks: &&str| args.hooks.is_empty() || args.hooks.iter().any(|set| set == hooks);
    let sets: Vec<&'static str> = HOOK_SETS.into_iter().filter(wanted).collect();
    let mut boots = Vec::new();
    for kernel in kernels {
        let in_ci = kernels::CI.contains(&&kernel.name[..]);
        for &hooks in &sets {
            boots.push(Boot {
                kernel: kernel.clone(),
                hooks,
                expected: in_ci && EXPECTED.contains(&hooks),
                // The last one is what a kernel can use that can't use the others.
                with_all: sets.last() == Some(&hooks) || !args.tests.is_empty(),
            });
        }
    }
    boots
}
