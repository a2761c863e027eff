//! What is packed, installed and used where nothing else is.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};

mod completions;
mod daemon;
mod root;
mod rpm;
mod snapshot;
mod systemd;

use root::Root;
use snapshot::Snapshot;

use crate::support::{
    interrupt::Interrupt,
    packages::{self, DEBOOTSTRAP, FISH, IP, LINTIAN, MAN, SETPRIV, SYSTEMD_NSPAWN, ZSH},
    process, workspace,
};

/// Checks the program and the packages, in roots below the target directory.
///
/// # Errors
/// When something is not as it should be.
pub fn run(portwatch: &Path, deb: &Path, rpm: &Path) -> Result<()> {
    packages::ensure(&[
        DEBOOTSTRAP,
        LINTIAN,
        MAN,
        ZSH,
        FISH,
        IP,
        SETPRIV,
        SYSTEMD_NSPAWN,
    ])?;
    let interrupt = Interrupt::install()?;
    process::run(Command::new("lintian").arg("--fail-on=error").arg(deb))
        .context("lintian finds errors in the package")?;
    alone(portwatch)?;
    rpm::check(rpm)?;

    systemd::check(deb)?;

    // The package's dependency, without the rest of systemd.
    let root = Root::make("systemd-standalone-sysusers")?;
    let before = Snapshot::take(root.path())?;
    root.install(deb)?;
    let told = process::stdout(root.command("/usr/bin/portwatch").arg("--version"))?;
    println!("installed in a clean Debian:\n{told}");
    daemon::check(&root, &interrupt)?;
    man_pages(root.path())?;
    completions::check(&root)?;
    let mut remove = root.command("dpkg");
    process::run(remove.args(["--remove", "portwatch"]))?;
    if !root.path().join("etc/portwatch/portwatch.toml").exists() {
        bail!("removal took the configuration, which is for purge to do");
    }
    process::run(root.command("dpkg").args(["--purge", "portwatch"]))?;
    let left = before.differences(&Snapshot::take(root.path())?);
    if !left.is_empty() {
        bail!("the package leaves behind:\n  {}", left.join("\n  "));
    }
    println!(
        "ok: purged, and {} files are as they were before",
        before.len()
    );
    Ok(())
}

/// The program in a root that holds nothing else: no loader, no libraries, no configuration.
fn alone(portwatch: &Path) -> Result<()> {
    let root = tempfile::tempdir_in(workspace::target()).context("making a directory")?;
    fs::copy(portwatch, root.path().join("portwatch")).context("copying the program")?;
    let mut chroot = Command::new("chroot");
    chroot.arg(root.path()).args(["/portwatch", "-V"]);
    println!(
        "ok: {} runs in an empty root",
        process::stdout(&mut chroot)?
    );
    Ok(())
}

/// Every command has a page that can be shown, without complaints.
fn man_pages(root: &Path) -> Result<()> {
    let directory = root.join("usr/share/man/man1");
    let mut pages = 0;
    for page in fs::read_dir(&directory).context("reading the man pages")? {
        let page = page.context("reading the man pages")?.path();
        if !page.to_string_lossy().contains("portwatch") {
            continue;
        }
        let mut man = Command::new("man");
        man.args(["--warnings", "-E", "UTF-8", "-P", "cat", "-l"]);
        let shown = man.arg(&page).env("MANWIDTH", "80").output();
        let shown = shown.context("could not start man")?;
        let complaints = String::from_utf8_lossy(&shown.stderr);
        let text = String::from_utf8_lossy(&shown.stdout);
        if !complaints.is_empty() || !text.contains("SYNOPSIS") {
            bail!("man does not show {}: {complaints}", page.display());
        }
        pages += 1;
    }
    if pages < 2 {
        bail!("there are no man pages of the commands");
    }
    println!("ok: {pages} man pages can be shown");
    Ok(())
}
