//! The package under a systemd that runs: its unit as it is, its socket, a reload, and its end.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};

use super::root::Root;
use crate::support::process;

/// What a small Debian takes to boot.
const PACKAGES: &str = "systemd,systemd-sysv,dbus";

/// What happens once it has booted. Who is in the group asks the daemon, and who is not can't.
const TRIAL: &str = r#"#!/bin/sh
exec > /trial.log 2>&1
trap 'systemctl poweroff' EXIT
set -ex
systemctl start portwatch
systemctl is-active portwatch
useradd --groups portwatch oncall
useradd outsider
runuser -u oncall -- portwatch check --json --socket /run/portwatch/portwatch.sock
runuser -u oncall -- portwatch watch --socket /run/portwatch/portwatch.sock --duration 3s
if runuser -u outsider -- portwatch watch --socket /run/portwatch/portwatch.sock --duration 3s
then exit 1; fi
pid=$(systemctl show -P MainPID portwatch)
grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' "/proc/$pid/status"
systemctl reload portwatch
journalctl --no-pager -u portwatch
systemctl stop portwatch
test ! -e /run/portwatch
systemctl show -P Result portwatch | grep success
echo passed
"#;

const UNIT: &str = "[Unit]\nAfter=multi-user.target\n[Service]\nType=simple\nExecStart=/trial\n";
/// More than it takes by far.
const PATIENCE: &str = "300";

/// Boots a root of its own with the package in it, in a container.
///
/// # Errors
/// When it does not boot, or anything is not as the trial has it.
pub fn check(deb: &Path) -> Result<()> {
    let root = Root::make(PACKAGES)?;
    root.install(deb)?;
    let file = |name: &str| root.path().join(name);
    fs::write(file("trial"), TRIAL).context("writing the trial")?;
    process::run(root.command("chmod").args(["755", "/trial"]))?;
    fs::write(file("etc/systemd/system/trial.service"), UNIT).context("writing its unit")?;
    let wants = file("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wants).context("enabling its unit")?;
    symlink("../trial.service", wants.join("trial.service")).context("enabling its unit")?;
    let booted = Command::new("timeout")
        .args(["--kill-after=5", PATIENCE, "systemd-nspawn", "--quiet"])
        .args(["--boot", "--register=no", "--keep-unit", "--capability=all"])
        // Containers are commonly kept from these, by the runtime and not by the kernel.
        .arg("--system-call-filter=bpf perf_event_open")
        .env("SYSTEMD_NSPAWN_API_VFS_WRITABLE", "1")
        .arg("--directory")
        .arg(root.path())
        .output()
        .context("could not start systemd-nspawn")?;
    let log = fs::read_to_string(file("trial.log")).unwrap_or_default();
    if !log.lines().any(|line| line == "passed") {
        let console = String::from_utf8_lossy(&booted.stdout);
        bail!(
            "under systemd: {log}\nconsole ({}): {console}",
            booted.status
        );
    }
    for line in log.lines().filter(|line| line.contains(":\t")) {
        println!("  {line}");
    }
    println!("ok: its unit starts, answers its group, is reloaded and stopped by a systemd");
    Ok(())
}
