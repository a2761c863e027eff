//! `cargo xtask run`: builds portwatch and runs it, as root.

use std::{ffi::OsString, os::unix::process::CommandExt as _, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::support::{privilege, process, workspace};

/// Builds portwatch and runs it, through sudo where that is needed: `portwatch watch`.
#[derive(clap::Args)]
pub struct Args {
    /// Arguments for portwatch, after `--`: options of `watch`, or another command
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

pub fn run(args: Args) -> Result<()> {
    let portwatch = release_build()?;
    let mut command = privilege::as_root(&portwatch)?;
    // Returns only if it failed: the program takes this one's place, terminal and all.
    let error = command.args(args.arguments).exec();
    Err(error).with_context(|| format!("could not start {}", portwatch.display()))
}

/// Builds portwatch as it is meant to be used; the path of the program.
///
/// # Errors
/// When it does not compile.
pub fn release_build() -> Result<PathBuf> {
    process::run(
        Command::new(workspace::cargo())
            .args(["build", "--release", "--locked", "--package", "portwatch"])
            .current_dir(workspace::root()),
    )?;
    Ok(workspace::target().join("release/portwatch"))
}
