//! Becoming root, where a step needs it.

use std::{
    env,
    ffi::OsString,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

/// True for root.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// `program`, started as root: as it is for root, else through sudo.
///
/// # Errors
/// When neither is possible.
pub fn as_root(program: impl AsRef<Path>) -> Result<Command> {
    let program = program.as_ref();
    if is_root() {
        return Ok(Command::new(program));
    }
    if find("sudo").is_none() {
        bail!(
            "{} has to be started by root, and there is no sudo here: become root and try again",
            program.display(),
        );
    }
    let mut sudo = Command::new("sudo");
    sudo.arg("--preserve-env").arg(program);
    Ok(sudo)
}

/// Starts this program once more, as root, in this one's place.
///
/// # Errors
/// When that is not possible; it does not return otherwise.
pub fn again_as_root(arguments: &[OsString]) -> Result<()> {
    let program = env::current_exe().context("where this program is")?;
    Err(as_root(program)?.args(arguments).exec()).context("could not start sudo")
}

/// Where a program is: in PATH, or where distributions put what an ordinary user's PATH lacks.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}
