//! The root of a small Debian system, made for one check.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::support::{debian, process, workspace};

/// Those whose systemd knows all that the unit asks for.
const SUITES: [&str; 3] = ["bookworm", "trixie", "sid"];

/// A root; removed when dropped.
pub struct Root {
    _directory: TempDir,
    path: PathBuf,
}

impl Root {
    /// Makes one with these packages, from this machine's own mirror; what was downloaded is kept for
    /// the next time.
    ///
    /// # Errors
    /// When debootstrap fails.
    pub fn make(packages: &str) -> Result<Self> {
        let (mirror, suite) =
            debian::mirror(&SUITES).context("there is no Debian to install in")?;
        let target = workspace::target();
        let cache = target.join("dist/debootstrap");
        std::fs::create_dir_all(&cache).context("making debootstrap's directory")?;
        let directory = tempfile::tempdir_in(&target).context("making a directory")?;
        let path = directory.path().join("root");
        let cache = std::path::absolute(cache).context("where the target directory is")?;
        println!("making the root of a Debian {suite}");
        process::stdout(
            Command::new("debootstrap")
                .arg("--variant=minbase")
                .arg(format!("--include={packages}"))
                .arg(format!("--cache-dir={}", cache.display()))
                .arg(&suite)
                .arg(&path)
                .arg(mirror),
        )?;
        Ok(Self {
            _directory: directory,
            path,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A program of the root, which will see nothing else.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("chroot");
        command.arg(&self.path).arg(program);
        command
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8");
        command
    }

    /// Installs a package with dpkg.
    ///
    /// # Errors
    /// When dpkg fails.
    pub fn install(&self, package: &Path) -> Result<()> {
        let inside = self.path.join("tmp/package.deb");
        std::fs::copy(package, &inside).context("copying the package into the root")?;
        process::run(self.command("dpkg").args(["--install", "/tmp/package.deb"]))?;
        std::fs::remove_file(inside).context("removing the package's copy")
    }
}
