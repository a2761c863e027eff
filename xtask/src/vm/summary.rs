//! All results at a glance.

use anyhow::{Result, bail};

use super::{boots::Tested, verdict::Verdict};

/// Prints the table of results.
///
/// # Errors
/// When something failed.
pub fn show(tested: &[Tested]) -> Result<()> {
    println!();
    for one in tested {
        let release = one
            .outcome
            .booted
            .as_ref()
            .map_or("-", |(release, _)| release);
        let (kernel, time) = (&one.kernel, one.time.as_secs_f64());
        println!(
            "{kernel:6} {:11} {time:6.1} s  {:34} {}",
            one.hooks, release, one.verdict
        );
    }
    let failed = tested
        .iter()
        .filter(|one| matches!(one.verdict, Verdict::Failed(_)))
        .count();
    if failed > 0 {
        bail!("{failed} of {} guests failed", tested.len());
    }
    Ok(())
}
