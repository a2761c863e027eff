//! Rules of this code base that no other tool checks.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

const SOURCES: [&str; 5] = [
    "guest-init",
    "portwatch",
    "portwatch-common",
    "portwatch-ebpf",
    "xtask",
];
const MAX_LINES: usize = 400;
/// A `main.rs` parses, dispatches and sets the exit code; everything else has a file of its own.
const MAX_MAIN_LINES: usize = 60;

/// Checks the length of every source file in the checkout at `root`.
///
/// # Errors
/// When files are too long; names them.
pub fn check(root: &Path) -> Result<()> {
    let mut files = Vec::new();
    for directory in SOURCES {
        collect(&root.join(directory), &mut files)
            .with_context(|| format!("reading {directory}"))?;
    }
    let mut faults = String::new();
    for file in &files {
        let name = file.strip_prefix(root).unwrap_or(file);
        let text =
            fs::read_to_string(file).with_context(|| format!("reading {}", name.display()))?;
        let limit = limit(name);
        let lines = text.lines().count();
        if lines > limit {
            faults += &format!("\n  {}: {lines} lines, {limit} allowed", name.display());
        }
    }
    if !faults.is_empty() {
        bail!("files that do too much:{faults}");
    }
    println!("{} source files, none too long", files.len());
    Ok(())
}

fn limit(name: &Path) -> usize {
    // The kernel side's holds one entry a program, so it grows with them.
    if name.ends_with("src/main.rs") && !name.starts_with("portwatch-ebpf") {
        MAX_MAIN_LINES
    } else {
        MAX_LINES
    }
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
