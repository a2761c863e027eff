//! Tells the program what it is built from, for `portwatch --version`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

fn main() {
    let package = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    for source in ["build.rs", "src", "ebpf", "Cargo.toml"] {
        println!("cargo::rerun-if-changed={source}");
    }
    let digest = fs::read_to_string(package.join("ebpf/portwatch.bpf.o.digest"));
    tell("BPF_SOURCES", digest.unwrap_or_default().trim());
    let target = variable("TARGET");
    let features = variable("CARGO_CFG_TARGET_FEATURE");
    let is_static = features.split(',').any(|feature| feature == "crt-static");
    tell(
        "TARGET",
        &(target + if is_static { ", static" } else { "" }),
    );
    tell("COMMIT", &commit(&package));
}

fn tell(name: &str, value: &str) {
    println!("cargo::rustc-env=PORTWATCH_{name}={value}");
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// The commit, as far as it is known.
fn commit(package: &Path) -> String {
    // `cargo package` leaves it where there is no checkout any more.
    if let Ok(text) = fs::read_to_string(package.join(".cargo_vcs_info.json")) {
        let sha = text.split("\"sha1\": \"").nth(1);
        let sha = sha.and_then(|rest| rest.split('"').next());
        return sha.unwrap_or("unknown").to_owned();
    }
    // Else each commit would have everything compiled anew that is being worked on.
    if variable("PROFILE") != "release" {
        return "not told by a debug build".to_owned();
    }
    // Sources that were unpacked somewhere inside of another checkout are not that checkout's.
    let Some(sha) = git(package, &["ls-files", "--error-unmatch", "Cargo.toml"])
        .and_then(|_| git(package, &["rev-parse", "HEAD"]))
    else {
        return "unknown, not built from a checkout".to_owned();
    };
    let branch = git(package, &["symbolic-ref", "-q", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        // Cargo would take a file that is missing for one that has changed.
        if let Some(file) = git(package, &["rev-parse", "--git-path", name])
            && package.join(&file).exists()
        {
            println!("cargo::rerun-if-changed={file}");
        }
    }
    let changes = git(
        package,
        &["status", "--porcelain", "--", ".", "../portwatch-common"],
    );
    let dirty = changes.is_none_or(|changes| !changes.is_empty());
    sha + if dirty { ", with changes" } else { "" }
}

/// What git prints; none where it fails or is missing.
fn git(package: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    let output = command
        .arg("-C")
        .arg(package)
        .args(arguments)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
