//! The files of a package, as they will lie on the system.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::source;
use crate::support::process;

const DOC: &str = "usr/share/doc/portwatch";
/// From the checkout to the package, whatever its format.
const FILES: &[(&str, &str)] = &[
    ("dist/portwatch.toml", "etc/portwatch/portwatch.toml"),
    (
        "dist/systemd/portwatch.service",
        "usr/lib/systemd/system/portwatch.service",
    ),
    (
        "dist/systemd/sysusers.conf",
        "usr/lib/sysusers.d/portwatch.conf",
    ),
    ("docs/operating.md", "usr/share/doc/portwatch/operating.md"),
    ("docs/metrics.md", "usr/share/doc/portwatch/metrics.md"),
    ("docs/capacity.md", "usr/share/doc/portwatch/capacity.md"),
    ("docs/sockets.md", "usr/share/doc/portwatch/sockets.md"),
    (
        "dist/prometheus/portwatch.rules.yml",
        "usr/share/doc/portwatch/examples/prometheus/portwatch.rules.yml",
    ),
    (
        "dist/grafana/portwatch.json",
        "usr/share/doc/portwatch/examples/grafana/portwatch.json",
    ),
    (
        "dist/monitoring/icinga2.conf",
        "usr/share/doc/portwatch/examples/icinga2.conf",
    ),
    (
        "dist/monitoring/nagios.cfg",
        "usr/share/doc/portwatch/examples/nagios.cfg",
    ),
];

/// A tree that grows.
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// Lays out what all packages hold; `zsh` is where the distribution has completions for zsh.
    ///
    /// # Errors
    /// When a file can't be written, or the program does not write its man pages.
    pub fn lay_out(root: &Path, portwatch: &Path, zsh: &str) -> Result<Self> {
        let tree = Self {
            root: root.to_owned(),
        };
        let program = fs::read(portwatch).context("reading the program")?;
        tree.add("usr/bin/portwatch", &program, 0o755)?;
        for (from, to) in FILES {
            tree.add(to, source(from)?.as_bytes(), 0o644)?;
        }
        for (shell, path) in [
            ("bash", "usr/share/bash-completion/completions/portwatch"),
            ("zsh", &format!("{zsh}/_portwatch")),
            ("fish", "usr/share/fish/vendor_completions.d/portwatch.fish"),
        ] {
            let script = process::stdout(Command::new(portwatch).args(["completions", shell]))?;
            tree.add(path, format!("{script}\n").as_bytes(), 0o644)?;
        }
        let pages = tree.directory("usr/share/man/man1")?;
        process::run(Command::new(portwatch).arg("man").arg(&pages))?;
        for page in fs::read_dir(&pages).context("reading the man pages")? {
            let page = page.context("reading the man pages")?.path();
            set_mode(&page, 0o644)?;
            process::run(Command::new("gzip").arg("-9n").arg(page))?;
        }
        Ok(tree)
    }

    /// Adds a file among the documentation, compressed.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn add_compressed_doc(&self, name: &str, content: &str) -> Result<()> {
        let path = format!("{DOC}/{name}");
        self.add(&path, content.as_bytes(), 0o644)?;
        process::run(Command::new("gzip").arg("-9n").arg(self.root.join(path)))
    }

    /// Adds a file.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn add(&self, path: &str, content: &[u8], mode: u32) -> Result<()> {
        if let Some((directory, _)) = path.rsplit_once('/') {
            self.directory(directory)?;
        }
        let path = self.root.join(path);
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
        set_mode(&path, mode)
    }

    fn directory(&self, path: &str) -> Result<PathBuf> {
        let mut directory = self.root.clone();
        for part in Path::new(path) {
            directory.push(part);
            if !directory.is_dir() {
                fs::create_dir(&directory)
                    .with_context(|| format!("creating {}", directory.display()))?;
                set_mode(&directory, 0o755)?;
            }
        }
        Ok(directory)
    }
}

/// Whatever this machine's umask is.
fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("setting the mode of {}", path.display()))
}
