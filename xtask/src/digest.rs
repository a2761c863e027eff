//! The digest of everything that the compiled kernel side is made from.
//!
//! `cargo xtask build-ebpf` writes it beside the object, and a test of the `portwatch` package,
//! which includes this file, compares it: an object older than its sources fails everywhere, also
//! where nothing can compile for BPF.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// The compiler of the kernel side.
pub const RUSTC: &str = "1.95.0";
/// The linker of the kernel side; 0.10 reads the LLVM 22 bitcode that this compiler writes.
pub const BPF_LINKER: &str = "0.10.3";

const SOURCES: [&str; 4] = [
    "portwatch-common/Cargo.toml",
    "portwatch-common/src",
    "portwatch-ebpf/Cargo.toml",
    "portwatch-ebpf/src",
];

/// Crates that become part of the object: names beginning so.
const CRATES: [&str; 4] = ["aya-ebpf", "aya-log-common", "aya-log-ebpf", "zerocopy"];

/// SHA-256, in hexadecimal, of the sources of the object in the checkout at `root`: path, length
/// and content of every file in path order, then the versions of crates and tools.
///
/// # Errors
/// When a source can't be read.
pub fn of_sources(root: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    for source in SOURCES {
        collect(&root.join(source), &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in &files {
        let name = file.strip_prefix(root).unwrap_or(file);
        let content = fs::read(file)?;
        hash.update(name.as_os_str().as_encoded_bytes());
        hash.update(format!("\0{}\0", content.len()));
        hash.update(content);
    }
    for version in crate_versions(&fs::read_to_string(root.join("Cargo.lock"))?) {
        hash.update(version);
    }
    hash.update(format!("rustc {RUSTC}\nbpf-linker {BPF_LINKER}\n"));
    let mut hex = String::new();
    for byte in hash.finalize() {
        // Writing to a String can't fail.
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(hex)
}

/// Adds the file at `path`, or every file below it.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}

/// `NAME VERSION` lines of the crates in question, in the order of the lock file (by name).
fn crate_versions(lock: &str) -> Vec<String> {
    let mut versions = Vec::new();
    let mut name = "";
    for line in lock.lines() {
        if let Some(value) = quoted(line, "name = ") {
            name = value;
        } else if let Some(value) = quoted(line, "version = ")
            && CRATES.iter().any(|wanted| name.starts_with(wanted))
        {
            versions.push(format!("{name} {value}\n"));
        }
    }
    versions
}

fn quoted<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.strip_prefix('"')?.strip_suffix('"')
}
