//! Where cargo keeps the sources of crates: paths that differ from machine to machine, and get into
//! what is compiled.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// Cargo's home, which holds the sources of dependencies.
///
/// # Errors
/// When there is no home directory at all.
pub fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    let home = env::home_dir().context("no home directory: set CARGO_HOME")?;
    Ok(home.join(".cargo"))
}

/// The directories that hold unpacked crates, one a registry.
///
/// # Errors
/// When they can't be read.
pub fn unpacked(cargo_home: &Path) -> Result<Vec<PathBuf>> {
    let sources = cargo_home.join("registry/src");
    let entries = fs::read_dir(&sources)
        .with_context(|| format!("reading {}, where cargo unpacks crates", sources.display()))?;
    let paths: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.with_context(|| format!("reading {}", sources.display()))?;
    paths.sort();
    Ok(paths)
}
