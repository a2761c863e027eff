//! All results at a glance.

use anyhow::{Result, bail};

use super::{boots::Tested, budget, verdict::Verdict};

/// Prints the table of results, and, where asked to, what is wrong with the programs' sizes.
///
/// # Errors
/// When something failed.
pub fn show(tested: &[Tested], with_budget: bool) -> Result<()> {
    println!();
    for one in tested {
        let release = one.outcome.release.as_deref().unwrap_or("-");
        let verdict = one.verdict.to_string();
        let verdict = verdict.lines().next().unwrap_or_default();
        let (kernel, hooks, time) = (&one.kernel, one.hooks, one.time.as_secs_f64());
        println!("{kernel:6} {hooks:11} {time:6.1} s  {release:32} {verdict}");
    }
    let faults = if with_budget {
        budget::faults(tested)
    } else {
        Vec::new()
    };
    for fault in &faults {
        println!("{fault}");
    }
    let failed = |one: &&Tested| matches!(one.verdict, Verdict::Failed(_));
    match (tested.iter().filter(failed).count(), faults.len()) {
        (0, 0) => Ok(()),
        (0, faults) => bail!("{faults} programs are larger than xtask/src/vm/budget.rs allows"),
        (failed, _) => bail!("{failed} of {} guests failed", tested.len()),
    }
}
