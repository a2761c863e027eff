//! Whole runs: what a guest that ran every test left behind, for the page that shows all of them.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, bail};

use super::{
    boots::{Boot, Tested},
    outcome::Outcome,
    qemu::{self, End},
    verdict::Verdict,
};
use crate::support::workspace;

/// Beside a guest's logs: the kernel side that a whole run was of.
const MARK: &str = "whole";

/// Notes that the guest whose files these are has run every test.
///
/// # Errors
/// When that can't be written.
pub fn mark(directory: &Path) -> Result<()> {
    fs::write(directory.join(MARK), kernel_side()?).context("marking a whole run")
}

/// Takes the mark away: the files are about to become another run's.
///
/// # Errors
/// When that fails.
pub fn unmark(directory: &Path) -> Result<()> {
    match fs::remove_file(directory.join(MARK)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context("unmarking a run")
        }
        _ => Ok(()),
    }
}

/// What the last run of a guest found, if it was a whole one of the present kernel side.
///
/// # Errors
/// When it was not.
pub fn last(runs: &Path, boot: &Boot) -> Result<Tested> {
    let (kernel, hooks) = (&boot.kernel.name, boot.hooks);
    let directory = qemu::directory(runs, kernel, hooks);
    if !fs::read(directory.join(MARK)).is_ok_and(|mark| Some(mark) == kernel_side().ok()) {
        bail!(
            "the last run of this guest was not a whole one, or not of this kernel side: \
             `cargo xtask vm --kernel {kernel} --hooks {hooks}` makes one"
        );
    }
    let outcome = Outcome::read(&directory)?;
    Ok(Tested {
        kernel: kernel.clone(),
        hooks,
        verdict: Verdict::of(&outcome, End::Off, hooks, boot.expected),
        outcome,
        time: Duration::ZERO,
    })
}

/// The digest of the committed object's sources.
fn kernel_side() -> Result<Vec<u8>> {
    let file = workspace::root().join("portwatch/ebpf/portwatch.bpf.o.digest");
    fs::read(&file).with_context(|| format!("reading {}", file.display()))
}
