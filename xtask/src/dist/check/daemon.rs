//! The daemon in a root where the package is installed, as its unit starts it.

use std::{
    fs,
    fs::File,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use super::root::Root;
use crate::support::{child::Guarded, http, interrupt::Interrupt, netns::Namespace, workspace};

/// Mounts what systemd would, then becomes the unit's user with its capabilities and no others.
const START: &str = r#"
root=$1 user=$2 group=$3 capabilities=$4
shift 4
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs run "$root/run"
mkdir -m 0750 "$root/run/portwatch"
chroot "$root" chown "$user:$group" /run/portwatch
exec chroot "$root" setpriv --reuid "$user" --regid "$group" --init-groups --no-new-privs \
    --inh-caps "-all,$capabilities" --ambient-caps "-all,$capabilities" \
    --bounding-set "-all,$capabilities" -- "$@"
"#;

/// Where it serves other commands.
const SOCKET: &str = "/run/portwatch/portwatch.sock";

/// Starts it and waits until it says that it is well; in a network namespace of its own, so that
/// another daemon on this machine may have the same port.
///
/// # Errors
/// When it does not start, or does not get well.
pub fn check(root: &Root, interrupt: &Interrupt) -> Result<()> {
    let unit = fs::read_to_string(root.path().join("usr/lib/systemd/system/portwatch.service"))
        .context("reading the unit")?;
    let setting = |key: &str| {
        let mut lines = unit.lines();
        lines
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .with_context(|| format!("the unit has no {key}="))
    };
    let line = setting("ExecStart")?;
    let capabilities: Vec<String> = setting("AmbientCapabilities")?
        .split(' ')
        .map(|name| format!("+{}", name.trim_start_matches("CAP_").to_lowercase()))
        .collect();
    let log = workspace::target().join("dist/daemon.log");
    let log = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
    let namespace = Namespace::create("dist")?;
    let mut daemon = Guarded::spawn(
        namespace
            .enter("unshare")
            .args(["--mount", "sh", "-ec", START, "sh"])
            .arg(root.path())
            .args([setting("User")?, setting("Group")?, &capabilities.join(",")])
            .args(line.split(' '))
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            // Whatever goes on elsewhere on this machine.
            .stderr(log),
    )?;
    let url = "http://127.0.0.1:9817/healthz";
    interrupt.wait_for("the daemon to be well", Duration::from_secs(60), || {
        daemon.require_running()?;
        Ok(namespace.run(|| http::get(url, &[])).is_ok())
    })?;
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid()))
        .context("reading the daemon's status")?;
    let lines = status
        .lines()
        .filter(|line| line.starts_with("Uid") || line.starts_with("CapEff"));
    println!("ok: `{line}` is well, as {:?}", lines.collect::<Vec<_>>());
    ask(daemon.pid(), setting("Group")?)?;
    daemon.interrupt()
}

/// Has two who may do nothing else ask it over its socket: a member of the group, and one who is none.
fn ask(pid: u32, group: &str) -> Result<()> {
    for (of, allowed) in [(group, true), ("nogroup", false)] {
        let asked = Command::new("nsenter")
            .args(["--mount", "--root", "--target", &pid.to_string()])
            .args(["setpriv", "--reuid", "nobody", "--regid", of])
            .args(["--clear-groups", "--bounding-set", "-all", "--"])
            .args(["/usr/bin/portwatch", "check", "--socket", SOCKET])
            .output()
            .context("could not start nsenter")?;
        let told = String::from_utf8_lossy(&asked.stdout);
        let answered = told.starts_with("PORTWATCH") && !told.starts_with("PORTWATCH UNKNOWN");
        ensure!(answered == allowed, "as {of}: {told}{asked:?}");
    }
    println!("ok: whoever is in its group may ask it, and nobody else");
    Ok(())
}
