//! Files: what the thread that serves may still open.

use std::path::PathBuf;

use anyhow::{Context, Result};
use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    path_beneath_rules,
};

/// The latest version of Landlock whose rights are asked for; an older kernel enforces those it knows.
const VERSION: ABI = ABI::V5;

/// What may be done to which files. Those that do not exist are left out.
#[derive(Debug, Default)]
pub(in super::super) struct Files {
    /// Read, and what is beneath.
    pub read: Vec<PathBuf>,
    /// Directories from which sockets may be removed.
    pub remove: Vec<PathBuf>,
}

/// Confines the calling thread, and those that it starts. A kernel without Landlock does not: that is
/// told in the log.
///
/// # Errors
/// When a kernel that has Landlock refuses.
pub(super) fn restrict(files: &Files) -> Result<()> {
    let apply = || {
        Ruleset::default()
            .handle_access(AccessFs::from_all(VERSION))?
            .handle_access(AccessNet::from_all(VERSION))?
            .create()?
            .add_rules(path_beneath_rules(
                &files.read,
                AccessFs::ReadFile | AccessFs::ReadDir,
            ))?
            .add_rules(path_beneath_rules(&files.remove, AccessFs::RemoveFile))?
            .restrict_self()
    };
    let status = apply().context("cannot confine file access")?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => log::info!("files are confined by Landlock"),
        RulesetStatus::PartiallyEnforced => log::info!(
            "files are confined by Landlock as far as this kernel has it (all of it since 6.10)"
        ),
        RulesetStatus::NotEnforced => log::warn!(
            "files are not confined: this kernel has no Landlock (since 5.13, and where lsm= names it)"
        ),
    }
    Ok(())
}
