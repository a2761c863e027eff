//! `cargo xtask dist`: what is handed out: a static program, a Debian package, an RPM.
//!
//! The packages are put together by the distributions' own tools, from the same tree of files: a
//! crate that does it would take longer to compile than all of this takes to run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

mod check;
mod deb;
mod program;
mod rpm;
mod tree;

use crate::support::{
    packages::{self, DPKG_DEB, RPMBUILD},
    privilege, process, workspace,
};

/// Packs portwatch: a static program, a .deb and a .rpm, in target/dist.
///
/// Man pages and completions are those that the program itself writes. What is missing of the
/// packers is installed from the system's packages.
#[derive(clap::Args)]
pub struct Args {
    /// Then install the packages in roots made for that, start the daemon there as its unit does, and
    /// remove everything (as root)
    #[arg(long)]
    check: bool,
    /// Pack this static program instead of building one
    #[arg(long, value_name = "PATH")]
    portwatch: Option<PathBuf>,
}

/// The version of all packages.
const VERSION: &str = env!("CARGO_PKG_VERSION");

pub fn run(args: Args) -> Result<()> {
    packages::ensure(&[DPKG_DEB, RPMBUILD])?;
    let built = match args.portwatch {
        Some(path) => path,
        None => program::build()?,
    };
    program::require_static(&built)?;
    let out = workspace::target().join("dist");
    fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
    let portwatch = out.join("portwatch");
    // A file that is copied to itself is an empty one afterwards.
    if fs::canonicalize(&built).ok() != fs::canonicalize(&portwatch).ok() {
        fs::copy(&built, &portwatch)
            .with_context(|| format!("copying the program to {}", out.display()))?;
    }
    let deb = deb::pack(&portwatch, &out)?;
    let rpm = rpm::pack(&portwatch, &out)?;
    for file in [&portwatch, &deb, &rpm] {
        let size = fs::metadata(file).context("reading what was packed")?.len();
        println!("{} ({} kB)", file.display(), size / 1000);
    }
    if !args.check {
        return Ok(());
    }
    if !privilege::is_root() {
        let again = ["dist", "--check", "--portwatch"].map(Into::into);
        return privilege::again_as_root(&[&again[..], &[portwatch.into()]].concat());
    }
    check::run(&portwatch, &deb, &rpm)
}

/// A packer, told the time of the last commit so that the same sources make the same package.
fn packer(name: &str) -> Command {
    let mut command = Command::new(name);
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"])
        .current_dir(workspace::root());
    // Without a checkout the packer takes the present time.
    if let Ok(time) = process::stdout(&mut git) {
        command.env("SOURCE_DATE_EPOCH", time);
    }
    command
}

/// Reads a file of the checkout.
fn source(name: &str) -> Result<String> {
    let path: &Path = &workspace::root().join(name);
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}
