//! Debian's kernels on this machine's disk.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{
    Kernel, MODULES,
    apt::Apt,
    modules,
    release::{compare, line, of_package},
};
use crate::support::process;

/// A kernel is split over these packages, which of them depends on its version.
const PARTS: [&str; 3] = ["linux-image-", "linux-binary-", "linux-modules-"];

/// Kernels that were downloaded, and those that could be.
pub struct Cache {
    directory: PathBuf,
    /// None where it can't be used: then there is what was downloaded before.
    apt: Option<Apt>,
    /// Every release that can be had.
    releases: Vec<String>,
}

impl Cache {
    /// Opens the cache in `directory` and sees what Debian has.
    ///
    /// # Errors
    /// When apt can't tell and nothing was downloaded before.
    pub fn open(directory: &Path) -> Result<Self> {
        let kernels = directory.join("kernels");
        fs::create_dir_all(&kernels).with_context(|| format!("making {}", kernels.display()))?;
        let mut releases = downloaded(&kernels)?;
        let apt = match offered(directory.join("apt")) {
            Ok((apt, offered)) => {
                releases.extend(offered);
                Some(apt)
            }
            Err(error) if releases.is_empty() => return Err(error),
            Err(error) => {
                eprintln!("going on with the kernels that are there: {error:#}");
                None
            }
        };
        releases.sort_by(|left, right| compare(left, right));
        releases.dedup();
        Ok(Self {
            directory: kernels,
            apt,
            releases,
        })
    }

    /// Every line of kernels that can be had, oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for line in self.releases.iter().filter_map(|release| line(release)) {
            if lines.last().is_none_or(|last| last != line) {
                lines.push(line.to_owned());
            }
        }
        lines
    }

    /// The newest kernel of a line; downloads it where it is not there yet. Where that fails, the
    /// newest one that was downloaded before.
    ///
    /// # Errors
    /// When there is none.
    pub fn newest(&self, name: &str) -> Result<Kernel> {
        let of_line = |release: &&String| line(release) == Some(name);
        let mut releases = self.releases.iter().filter(of_line).rev();
        let newest = releases
            .next()
            .with_context(|| format!("no kernel {name}; there are {}", self.lines().join(" ")))?;
        let directory = match self.directory(newest) {
            Ok(directory) => directory,
            Err(error) => {
                let mut earlier = releases.map(|release| self.directory.join(release));
                let found = earlier.find(|directory| directory.exists());
                let Some(directory) = found else {
                    return Err(error);
                };
                eprintln!("going on with {}: {error:#}", directory.display());
                directory
            }
        };
        let image = directory.join("vmlinuz");
        Ok(Kernel {
            name: name.to_owned(),
            modules: modules(&image),
            image,
        })
    }

    /// Where a release is, downloaded or not before.
    fn directory(&self, release: &str) -> Result<PathBuf> {
        let directory = self.directory.join(release);
        if !directory.exists() {
            let apt = self.apt.as_ref().context("apt can't be used")?;
            self.download(apt, release)
                .with_context(|| format!("getting kernel {release}"))?;
        }
        Ok(directory)
    }

    fn download(&self, apt: &Apt, release: &str) -> Result<()> {
        eprintln!("downloading kernel {release}");
        // In the cache's own file system: it appears there whole or not at all.
        let scratch = tempfile::tempdir_in(&self.directory).context("making a directory")?;
        let unpacked = scratch.path().join("unpacked");
        for part in PARTS {
            let package = format!("{part}{release}");
            if apt.packages(&package)?.contains(&package) {
                apt.unpack(&package, &unpacked)?;
            }
        }
        let kept = scratch.path().join("kept");
        fs::create_dir_all(kept.join("modules")).context("making a directory")?;
        let mut has_image = false;
        visit(&unpacked, &mut |file| {
            let name = file.file_name().and_then(OsStr::to_str).unwrap_or_default();
            if name.starts_with("vmlinuz") {
                has_image = true;
                fs::copy(file, kept.join("vmlinuz")).context("copying the kernel")?;
            }
            let module = name.split_once(".ko").map(|(module, _)| module);
            if module.is_some_and(|module| MODULES.contains(&module)) {
                keep_module(file, &kept.join("modules"))?;
            }
            Ok(())
        })?;
        anyhow::ensure!(has_image, "its packages hold no vmlinuz");
        fs::rename(&kept, self.directory.join(release)).context("keeping the kernel")
    }
}

/// Copies a module; unpacks it, because not every kernel can do that.
fn keep_module(file: &Path, into: &Path) -> Result<()> {
    let name = Path::new(file.file_name().unwrap_or_default());
    let kept = into.join(name);
    fs::copy(file, &kept).with_context(|| format!("copying {}", file.display()))?;
    if name.extension() == Some(OsStr::new("xz")) {
        process::run(Command::new("xz").arg("--decompress").arg(&kept))?;
    }
    Ok(())
}

fn visit(directory: &Path, see: &mut impl FnMut(&Path) -> Result<()>) -> Result<()> {
    for entry in
        fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))?
    {
        let entry = entry?;
        // Links are not followed: they may lead out of the package.
        if entry.file_type()?.is_dir() {
            visit(&entry.path(), see)?;
        } else if entry.file_type()?.is_file() {
            see(&entry.path())?;
        }
    }
    Ok(())
}

fn downloaded(directory: &Path) -> Result<Vec<String>> {
    let mut releases = Vec::new();
    for entry in fs::read_dir(directory).context("reading the cache of kernels")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            releases.push(name);
        }
    }
    Ok(releases)
}

fn offered(directory: PathBuf) -> Result<(Apt, Vec<String>)> {
    let apt = Apt::new(directory)?;
    if let Err(error) = apt.refresh() {
        eprintln!("going on with the lists that are there: {error:#}");
    }
    let packages = apt.packages("linux-image-")?;
    let releases = packages.iter().filter_map(|package| of_package(package));
    let releases = releases.map(str::to_owned).collect();
    Ok((apt, releases))
}
