//! Running guests, several at a time.

use std::{collections::VecDeque, path::PathBuf, time::Duration};

use anyhow::Result;
use guest_init::Plan;

use super::{
    accelerator::Accelerator,
    follow::Follow,
    guest::Contents,
    kernels::Kernel,
    outcome::Outcome,
    qemu::{self, End, Guest, OUTPUT},
    verdict::{self, Verdict},
    whole,
};
use crate::support::interrupt::Interrupt;

/// A kernel to be tested with a hook set.
pub struct Boot {
    /// The kernel.
    pub kernel: Kernel,
    /// The hook set.
    pub hooks: &'static str,
    /// Whether the kernel has to offer it.
    pub expected: bool,
    /// Whether the tests run here too that attach no hooks, or for which one is as good as another.
    pub with_all: bool,
}

/// The program of the unit tests, which attach nothing: one run a kernel is enough.
pub const UNIT: &str = "unit";
/// Live tests that attach no hooks: of those, too.
const WITHOUT_HOOKS: &[&str] = &[
    "agreement::",
    "blockers::",
    "capacity::bound::",
    "capacity::joined::",
    "capacity::places::",
    "capacity::random::",
    "capacity::ranges::",
    "capacity::time_wait::",
    "check::",
    "explain::",
    "fixture::",
    "quiet::doctor_finds_that_this_kernel_will_do",
];

/// Those of what is made of a tracer's words, whatever hook set it has: the same.
const ABOVE_HOOKS: &[&str] = &[
    "daemon::config::",
    "daemon::endurance::",
    "daemon::http::",
    "daemon::log::",
    "daemon::reload::",
    "daemon::served::",
    "daemon::service::",
    "daemon::stream::",
    "explain_whom::",
    "forecast::fills::",
    "recording::",
    "top::",
];

fn leave_out(plan: &mut Plan, tests: &[&str]) {
    for test in &mut plan.tests {
        for name in tests {
            test.arguments
                .extend(["--skip".to_owned(), (*name).to_owned()]);
        }
    }
}

/// What came out of it.
#[derive(Clone)]
pub struct Tested {
    /// Name of the kernel.
    pub kernel: String,
    /// The hook set.
    pub hooks: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// What the guest told.
    pub outcome: Outcome,
    /// From the guest's start to its end.
    pub time: Duration,
}

/// How guests are run.
pub struct Runner<'a> {
    /// Their file system.
    pub contents: &'a Contents,
    /// What they execute on.
    pub accelerator: Accelerator,
    /// What each of them does; the hook set is added.
    pub plan: Plan,
    /// Longest that one may take.
    pub limit: Duration,
    /// How many run at a time.
    pub jobs: usize,
    /// Where their files go.
    pub directory: PathBuf,
    /// Ends them early.
    pub interrupt: &'a Interrupt,
}

struct Running {
    /// Place in the order in which results are shown.
    number: usize,
    boot: Boot,
    guest: Guest,
    directory: PathBuf,
    /// Whether it runs every test that it should.
    whole: bool,
    /// Shows the tests' output; there can only be one of that.
    follow: Option<Follow>,
}

impl Runner<'_> {
    /// Boots them all, and says of each what came out.
    ///
    /// # Errors
    /// When a guest can't be started, or somebody interrupts.
    pub fn run(&self, boots: Vec<Boot>) -> Result<Vec<Tested>> {
        let alone = boots.len() == 1;
        let mut waiting = boots.into_iter().enumerate().collect::<VecDeque<_>>();
        let mut running: Vec<Running> = Vec::new();
        let mut tested: Vec<(usize, Tested)> = Vec::new();
        while !(waiting.is_empty() && running.is_empty()) {
            if running.len() < self.jobs
                && let Some((number, boot)) = waiting.pop_front()
            {
                running.push(self.start(number, boot, alone)?);
            }
            self.interrupt.check()?;
            let mut still = Vec::new();
            for mut one in running {
                let end = one.guest.poll()?;
                if let Some(follow) = &mut one.follow {
                    follow.show()?;
                }
                match end {
                    None => still.push(one),
                    Some(end) => tested.push((one.number, one.judge(end)?)),
                }
            }
            running = still;
        }
        tested.sort_by_key(|(number, _)| *number);
        Ok(tested.into_iter().map(|(_, tested)| tested).collect())
    }

    fn start(&self, number: usize, boot: Boot, alone: bool) -> Result<Running> {
        let directory = qemu::directory(&self.directory, &boot.kernel.name, boot.hooks);
        let mut plan = self.plan.clone();
        plan.hooks = boot.hooks.to_owned();
        let whole = plan.tests.iter().all(|test| test.arguments.is_empty());
        let hooks = ("PORTWATCH_HOOKS".to_owned(), boot.hooks.to_owned());
        plan.environment.extend([hooks]);
        if !boot.with_all {
            plan.tests.retain(|test| test.name != UNIT);
            leave_out(&mut plan, WITHOUT_HOOKS);
            leave_out(&mut plan, ABOVE_HOOKS);
        }
        let guest = Guest::start(
            &boot.kernel,
            self.contents,
            plan,
            self.accelerator,
            self.limit,
            &directory,
        )?;
        let output = directory.join(OUTPUT);
        let follow = alone.then(|| Follow::open(&output)).transpose()?;
        Ok(Running {
            number,
            boot,
            guest,
            directory,
            whole,
            follow,
        })
    }
}

impl Running {
    fn judge(self, end: End) -> Result<Tested> {
        let time = self.guest.age();
        let outcome = Outcome::read(&self.directory)?;
        let Boot {
            kernel,
            hooks,
            expected,
            with_all: _,
        } = self.boot;
        let verdict = Verdict::of(&outcome, end, hooks, expected);
        println!(
            "{} {hooks}: {verdict} ({:.1} s)",
            kernel.name,
            time.as_secs_f64()
        );
        if matches!(verdict, Verdict::Failed(_)) {
            verdict::explain(&outcome, &self.directory, self.follow.is_none());
        } else {
            qemu::tidy(&self.directory)?;
        }
        if self.whole {
            whole::mark(&self.directory)?;
        }
        Ok(Tested {
            kernel: kernel.name,
            hooks,
            verdict,
            outcome,
            time,
        })
    }
}
