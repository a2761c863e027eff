//! Debian, as this machine's own apt is configured for it.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::process;

/// Where this machine gets its own packages, and of which of these suites.
///
/// # Errors
/// When apt's sources name no mirror that has one of them.
pub fn mirror(suites: &[&str]) -> Result<(String, String)> {
    let format = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
    let mut command = Command::new("apt-get");
    command.args(["indextargets", "--format", format, "Created-By: Packages"]);
    let targets = process::stdout(&mut command).context("reading apt's configuration")?;
    for target in targets.lines() {
        if let [uri, release, "main"] = target.split(' ').collect::<Vec<_>>()[..]
            && suites.contains(&release)
        {
            return Ok((uri.to_owned(), release.to_owned()));
        }
    }
    bail!("apt's sources on this machine name no mirror of Debian")
}
