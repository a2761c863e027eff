//! The RPM, in a root that holds nothing else.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, bail};

use super::snapshot::Snapshot;
use crate::support::{process, workspace};

/// Installs, verifies and removes it. Scripts are left out, for there is no shell to run them; and
/// so are dependencies.
///
/// # Errors
/// When rpm finds a fault, a file is missing, or one stays behind.
pub fn check(package: &Path) -> Result<()> {
    let directory = tempfile::tempdir_in(workspace::target()).context("making a directory")?;
    let root = directory.path();
    let rpm = |arguments: &[&str], last: Option<&Path>| {
        let mut command = Command::new("rpm");
        command.arg("--root").arg(root).arg("--dbpath=/rpmdb");
        process::stdout(command.args(arguments).args(last))
    };
    let (name, package) = (Some(Path::new("portwatch")), Some(package));
    rpm(&["-K", "--nosignature"], package)?;
    rpm(&["--initdb"], None)?;
    let before = Snapshot::take(root)?;
    rpm(&["-i", "--nodeps", "--noscripts"], package)?;
    // Complains about each file that is not as the package says, apart from what it can't look up
    // here: the names of owners.
    rpm(
        &["-V", "--nodeps", "--noscripts", "--nouser", "--nogroup"],
        name,
    )?;
    let files = rpm(&["-ql"], name)?;
    for wanted in [
        "/usr/bin/portwatch",
        "/usr/lib/systemd/system/portwatch.service",
        "/etc/portwatch/portwatch.toml",
        "/usr/share/man/man1/portwatch-daemon.1.gz",
        "/usr/share/bash-completion/completions/portwatch",
    ] {
        if !files.lines().any(|file| file == wanted) {
            bail!("the RPM lacks {wanted}");
        }
    }
    if rpm(&["-qc"], name)? != "/etc/portwatch/portwatch.toml" {
        bail!("the RPM does not mark the configuration as such");
    }
    let mut chroot = Command::new("chroot");
    process::stdout(chroot.arg(root).args(["/usr/bin/portwatch", "-V"]))?;
    rpm(&["-e", "--nodeps", "--noscripts"], name)?;
    let left = before.differences(&Snapshot::take(root)?);
    // Those that any package of a distribution has in common with others.
    let left: Vec<_> = left
        .iter()
        .filter(|line| line.contains("portwatch"))
        .collect();
    if !left.is_empty() {
        bail!("the RPM leaves behind: {left:?}");
    }
    println!(
        "ok: the RPM installs {} files, verifies, and removes them",
        files.lines().count()
    );
    Ok(())
}
