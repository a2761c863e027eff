//! What the environment asks of the tests: which hooks, and how much of everything.

use std::{
    env::{self, VarError},
    sync::LazyLock,
};

/// Random operations of a run that nobody asked to be smaller.
const OPERATIONS: u64 = 240_000;

static ASKED: LazyLock<Option<u64>> = LazyLock::new(|| {
    let text = variable("PORTWATCH_OPERATIONS")?;
    let number: u64 = text.parse().expect("PORTWATCH_OPERATIONS is a number");
    assert!(number > 0, "PORTWATCH_OPERATIONS is at least 1");
    Some(number)
});

/// The hook set that every watcher of the tests takes, from `PORTWATCH_HOOKS`; none lets the
/// program choose.
pub fn hooks() -> Option<&'static str> {
    static HOOKS: LazyLock<Option<String>> = LazyLock::new(|| variable("PORTWATCH_HOOKS"));
    HOOKS.as_deref()
}

/// Random operations of a run, from `PORTWATCH_OPERATIONS`: emulated machines do fewer.
pub fn operations() -> u64 {
    ASKED.unwrap_or(OPERATIONS)
}

/// A size that is smaller in the measure in which the random operations are fewer, but `least`.
pub fn scaled(size: usize, least: usize) -> usize {
    let share = u128::from(operations().min(OPERATIONS));
    let scaled = size as u128 * share / u128::from(OPERATIONS);
    usize::try_from(scaled).map_or(size, |scaled| scaled.max(least))
}

fn variable(name: &str) -> Option<String> {
    match env::var(name) {
        Ok(value) if value.is_empty() => None,
        Ok(value) => Some(value),
        Err(VarError::NotPresent) => None,
        Err(error) => panic!("{name}: {error}"),
    }
}
