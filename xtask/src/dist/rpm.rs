//! The RPM package.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::{VERSION, packer, source, tree::Tree};
use crate::support::{process, workspace};

/// Packs the program; where the package is.
///
/// # Errors
/// When a file is missing, or rpmbuild fails.
pub fn pack(portwatch: &Path, out: &Path) -> Result<PathBuf> {
    let scratch = tempfile::tempdir_in(out).context("making a temporary directory")?;
    let root = scratch.path().join("tree");
    fs::create_dir(&root).context("making the package's directory")?;
    let tree = Tree::lay_out(&root, portwatch, "usr/share/zsh/site-functions")?;
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        let to = format!("usr/share/licenses/portwatch/{licence}");
        tree.add(&to, source(licence)?.as_bytes(), 0o644)?;
    }
    let top = scratch.path().join("rpmbuild");
    let mut rpmbuild = packer("rpmbuild");
    rpmbuild.args(["-bb", "--quiet", "--target", "x86_64-linux"]);
    for (name, value) in [
        ("_topdir", top.display().to_string()),
        ("_rpmdir", scratch.path().display().to_string()),
        ("_rpmfilename", "portwatch.rpm".to_owned()),
        ("staged", root.display().to_string()),
        ("version", VERSION.to_owned()),
        // Every rpm of today reads it.
        ("_binary_payload", "w6.xzdio".to_owned()),
        // Nothing of the machine and the moment that it was packed on.
        ("_buildhost", "portwatch".to_owned()),
        ("use_source_date_epoch_as_buildtime", "1".to_owned()),
        ("clamp_mtime_to_source_date_epoch", "1".to_owned()),
        // The program is stripped, and has no debug information to be put aside.
        ("debug_package", "%{nil}".to_owned()),
        ("__os_install_post", "%{nil}".to_owned()),
    ] {
        rpmbuild.arg("--define").arg(format!("{name} {value}"));
    }
    rpmbuild.arg(workspace::root().join("dist/rpm/portwatch.spec"));
    process::run(&mut rpmbuild)?;
    let package = out.join(format!("portwatch-{VERSION}-1.x86_64.rpm"));
    fs::rename(scratch.path().join("portwatch.rpm"), &package)
        .with_context(|| format!("moving the package to {}", package.display()))?;
    Ok(package)
}
