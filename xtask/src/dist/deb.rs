//! The Debian package.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{VERSION, packer, source, tree::Tree};
use crate::support::process;

/// Packs the program; where the package is.
///
/// # Errors
/// When a file is missing, or dpkg-deb fails.
pub fn pack(portwatch: &Path, out: &Path) -> Result<PathBuf> {
    let scratch = tempfile::tempdir_in(out).context("making a temporary directory")?;
    let root = scratch.path().join("tree");
    fs::create_dir(&root).context("making the package's directory")?;
    let tree = Tree::lay_out(&root, portwatch, "usr/share/zsh/vendor-completions")?;
    tree.add(
        "usr/share/doc/portwatch/copyright",
        copyright()?.as_bytes(),
        0o644,
    )?;
    tree.add_compressed_doc("changelog", &source("dist/debian/changelog")?)?;
    let sums = process::stdout(
        Command::new("sh")
            .args(["-ec", "find * -type f -print0 | sort -z | xargs -0 md5sum"])
            .current_dir(&root),
    )?;
    let size = process::stdout(
        Command::new("du")
            .args(["-sk", "--apparent-size"])
            .arg(&root),
    )?;
    let size = size.split_whitespace().next().unwrap_or_default();
    let control = source("dist/debian/control")?
        .replace("@VERSION@", VERSION)
        .replace("@SIZE@", size);
    tree.add("DEBIAN/control", control.as_bytes(), 0o644)?;
    tree.add("DEBIAN/md5sums", format!("{sums}\n").as_bytes(), 0o644)?;
    for (name, mode) in [
        ("conffiles", 0o644),
        ("postinst", 0o755),
        ("prerm", 0o755),
        ("postrm", 0o755),
    ] {
        let content = source(&format!("dist/debian/{name}"))?;
        tree.add(&format!("DEBIAN/{name}"), content.as_bytes(), mode)?;
    }
    let package = out.join(format!("portwatch_{VERSION}_amd64.deb"));
    // Not every Debian that it is for reads zstd, which some pack with by default.
    process::run(
        packer("dpkg-deb")
            .args(["--root-owner-group", "-Zxz", "--build"])
            .args([&root, &package]),
    )?;
    Ok(package)
}

/// The licence as the copyright file wants it: indented, with a dot for an empty line.
fn copyright() -> Result<String> {
    let licence = source("LICENSE-MIT")?;
    let lines = licence.trim_end().lines().map(|line| match line.trim() {
        "" => " .".to_owned(),
        text => format!(" {text}"),
    });
    let licence: Vec<String> = lines.collect();
    let template = source("dist/debian/copyright")?;
    Ok(template.replace("@MIT@", &licence.join("\n")))
}
