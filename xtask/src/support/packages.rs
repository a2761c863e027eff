//! Programs that come from the system's packages.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::{
    privilege::{as_root, find},
    process,
};

/// A program and the Debian package that holds it.
pub struct Program {
    name: &'static str,
    package: &'static str,
}

/// The load balancer whose outage the demo replays.
pub const HAPROXY: Program = Program::new("haproxy", "haproxy");
/// Makes network namespaces.
pub const IP: Program = Program::new("ip", "iproute2");
/// Lists sockets.
pub const SS: Program = Program::new("ss", "iproute2");
/// Takes privileges away.
pub const SETPRIV: Program = Program::new("setpriv", "util-linux");
/// Runs virtual machines.
pub const QEMU: Program = Program::new("qemu-system-x86_64", "qemu-system-x86");
/// Traces by script; portwatch's peer in the benchmarks.
pub const BPFTRACE: Program = Program::new("bpftrace", "bpftrace");
/// bcc's compiled tool that prints each connect(2); another peer.
pub const TCPCONNECT: Program = Program::new("tcpconnect", "libbpf-tools");
/// bcc's compiled tool that prints each change of a TCP socket's state; another peer.
pub const TCPSTATES: Program = Program::new("tcpstates", "libbpf-tools");
/// Tells what the kernel has loaded.
pub const BPFTOOL: Program = Program::new("bpftool", "bpftool");
/// Holds the terminals that the tests drive `portwatch top` in.
pub const TMUX: Program = Program::new("tmux", "tmux");
/// Unpacks the standard library's sources, where they come as an archive.
pub const XZ: Program = Program::new("xz", "xz-utils");

/// Puts a Debian package together.
pub const DPKG_DEB: Program = Program::new("dpkg-deb", "dpkg");
/// Puts an RPM package together.
pub const RPMBUILD: Program = Program::new("rpmbuild", "rpm");
/// Makes the root of a small Debian system.
pub const DEBOOTSTRAP: Program = Program::new("debootstrap", "debootstrap");
/// Boots such a system in a container.
pub const SYSTEMD_NSPAWN: Program = Program::new("systemd-nspawn", "systemd-container");
/// Knows what a Debian package has to look like.
pub const LINTIAN: Program = Program::new("lintian", "lintian");
/// Shows man pages.
pub const MAN: Program = Program::new("man", "man-db");
/// Shells that complete command lines.
pub const ZSH: Program = Program::new("zsh", "zsh");
/// The other one.
pub const FISH: Program = Program::new("fish", "fish");
/// Scrapes the daemons and judges by the alert rules.
pub const PROMETHEUS: Program = Program::new("prometheus", "prometheus");
/// Checks rules and metrics.
pub const PROMTOOL: Program = Program::new("promtool", "prometheus");
/// Reads JSON in scripts.
pub const JQ: Program = Program::new("jq", "jq");
/// Checks YAML files.
pub const YAMLLINT: Program = Program::new("yamllint", "yamllint");
/// Checks scripts.
pub const SHELLCHECK: Program = Program::new("shellcheck", "shellcheck");

impl Program {
    const fn new(name: &'static str, package: &'static str) -> Self {
        Self { name, package }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name
    }
}

/// Makes sure that the programs are there; installs their packages on Debian and its children.
///
/// # Errors
/// When some are missing and can't be installed; names them.
pub fn ensure(programs: &[Program]) -> Result<()> {
    let mut missing: Vec<&str> = programs
        .iter()
        .filter(|program| find(program.name).is_none())
        .map(|program| program.package)
        .collect();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !Path::new("/etc/debian_version").exists() {
        bail!(
            "these packages are missing, by their Debian names: {list}; install what your \
             distribution calls them"
        );
    }
    eprintln!("installing {list}");
    let apt = |arguments: &[&str]| -> Result<()> {
        let mut command = as_root("apt-get")?;
        command.env("DEBIAN_FRONTEND", "noninteractive");
        process::run(command.arg("-qq").args(arguments))
    };
    apt(&["update"])
        .and_then(|()| apt(&[&["install", "-y", "--no-install-recommends"], &missing[..]].concat()))
        .with_context(|| format!("could not install {list}"))
}
