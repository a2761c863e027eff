//! How many instructions the verifier may walk for each program.
//!
//! A program that outgrows its budget takes longer to load, and comes closer to what older kernels
//! refuse: better to hear of that when it happens.

use super::boots::Tested;

/// Program, and the largest count that any kernel may report: a quarter more than was
/// measured.
const BUDGETS: [(&str, u64); 0] = [];

/// The budget of a program.
#[must_use]
pub fn of(program: &str) -> Option<u64> {
    let found = BUDGETS.iter().find(|(name, _)| *name == program);
    found.map(|&(_, budget)| budget)
}

/// What is wrong with the counts of these guests' programs, a line each.
#[must_use]
pub fn faults(tested: &[Tested]) -> Vec<String> {
    let mut faults = Vec::new();
    for one in tested {
        for (program, count) in one.outcome.programs_of(one.hooks) {
            let Some(count) = count else { continue };
            let what = format!(
                "{} {}: {program}: {count} instructions",
                one.kernel, one.hooks
            );
            match of(&program) {
                Some(budget) if count <= budget => {}
                Some(budget) => faults.push(format!("{what}, {budget} allowed")),
                None => faults.push(format!("{what}, and no budget for it")),
            }
        }
    }
    faults
}
