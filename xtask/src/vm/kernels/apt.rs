//! Packages of other Debian releases, without touching the system's own configuration of apt.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::support::{debian, privilege, process};

/// Together they hold every kernel that Debian supports or prepares.
const SUITES: &str = "bullseye bookworm bookworm-backports trixie trixie-backports sid";
/// Where Debian and its children keep the keys that sign its releases.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// apt, with sources, lists and caches of this program's own.
pub struct Apt {
    directory: PathBuf,
}

impl Apt {
    /// Keeps everything under `directory`.
    ///
    /// # Errors
    /// When the machine's own configuration of apt names no Debian mirror.
    pub fn new(directory: PathBuf) -> Result<Self> {
        for part in ["sources", "lists", "cache"] {
            fs::create_dir_all(directory.join(part)).context("making apt's directories")?;
        }
        let suites: Vec<&str> = SUITES.split(' ').collect();
        let (mirror, _) = debian::mirror(&suites)
            .context("there are no kernels to download: give one with --image")?;
        let mut source = format!(
            "Types: deb\nURIs: {}\nSuites: {SUITES}\nComponents: main\nArchitectures: amd64\n\
             Targets: Packages\n",
            mirror
        );
        if Path::new(KEYS).exists() {
            source += &format!("Signed-By: {KEYS}\n");
        }
        fs::write(directory.join("sources/debian.sources"), source)
            .context("writing apt's sources")?;
        Ok(Self { directory })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let own =
            |key: &str, part: &str| format!("-o{key}={}", self.directory.join(part).display());
        command.args([
            own("Dir::Etc::SourceParts", "sources"),
            own("Dir::State::Lists", "lists"),
            own("Dir::Cache", "cache"),
        ]);
        command.args([
            "-oDir::Etc::SourceList=/dev/null",
            "-oDir::Cache::pkgcache=pkgcache.bin",
            "-oDir::Cache::srcpkgcache=srcpkgcache.bin",
            "-oAcquire::Languages=none",
            "-oAcquire::Retries=2",
        ]);
        if privilege::is_root() {
            // The user that apt becomes for downloads can't reach every target directory.
            command.arg("-oAPT::Sandbox::User=root");
        }
        command
    }

    /// Fetches the lists of packages, once a day.
    ///
    /// # Errors
    /// When they can't be fetched; those that were fetched earlier can be used nevertheless.
    pub fn refresh(&self) -> Result<()> {
        let stamp = self.directory.join("refreshed");
        let age = fs::metadata(&stamp).and_then(|meta| meta.modified()).ok();
        if age
            .and_then(|time| time.elapsed().ok())
            .is_some_and(|age| age < FRESH)
        {
            return Ok(());
        }
        eprintln!("fetching the lists of Debian's kernels");
        process::run(self.command("apt-get").args(["-qq", "update"]))?;
        fs::write(stamp, "").context("noting that the lists are fresh")
    }

    /// Names of the packages that begin so.
    ///
    /// # Errors
    /// When apt fails.
    pub fn packages(&self, prefix: &str) -> Result<Vec<String>> {
        let names = process::stdout(self.command("apt-cache").args(["pkgnames", prefix]))?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// Downloads a package and unpacks it into `into`.
    ///
    /// # Errors
    /// When that fails.
    pub fn unpack(&self, package: &str, into: &Path) -> Result<()> {
        let scratch = tempfile::tempdir_in(&self.directory).context("making a directory")?;
        let mut download = self.command("apt-get");
        download.args(["-qq", "download", package]);
        process::run(download.current_dir(&scratch))?;
        let mut entries = fs::read_dir(&scratch).context("reading the download")?;
        let file = entries
            .next()
            .with_context(|| format!("no {package} was downloaded"))??;
        process::run(
            Command::new("dpkg-deb")
                .arg("-x")
                .arg(file.path())
                .arg(into),
        )
    }
}
