//! Making a bare kernel a machine that tests can run on.

use std::{ffi::CString, fs, fs::File, path::Path};

use anyhow::{Context as _, Result};
use rustix::{
    mount::{MountFlags, mount},
    process::{Resource, Rlimit, setrlimit},
    system::{RebootCommand, finit_module, reboot},
};

/// A test holds thousands of sockets at a time, both ends of each connection.
const OPEN_FILES: u64 = 20_000;

/// Source is the type; the directories are made where a file system above lacks them.
const MOUNTS: [(&str, &str); 7] = [
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("devpts", "/dev/pts"),
    ("bpf", "/sys/fs/bpf"),
    ("cgroup2", "/sys/fs/cgroup"),
    ("debugfs", "/sys/kernel/debug"),
];

/// Directories that programs take for granted. Nothing is mounted there: the root is in memory
/// too, and the programs under test may be below /tmp.
const DIRECTORIES: [&str; 2] = ["/tmp", "/run"];

/// Mounts what a distribution would have mounted by then.
pub fn mount_all() -> Result<()> {
    for directory in DIRECTORIES {
        fs::create_dir_all(directory).with_context(|| format!("making {directory}"))?;
    }
    for (kind, directory) in MOUNTS {
        fs::create_dir_all(directory).with_context(|| format!("making {directory}"))?;
        mount(kind, directory, kind, MountFlags::empty(), None)
            .with_context(|| format!("mounting {kind} on {directory}"))?;
    }
    mount(
        "tracefs",
        "/sys/kernel/tracing",
        "tracefs",
        MountFlags::empty(),
        None,
    )
    .context("mounting tracefs")
}

/// Loads a kernel module that needs no other one that is not there yet.
pub fn load_module(path: &Path) -> Result<()> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    finit_module(&file, &CString::default(), 0)
        .with_context(|| format!("loading {}", path.display()))
}

/// Allows the tests their files.
pub fn raise_open_files() -> Result<()> {
    let limit = Rlimit {
        current: Some(OPEN_FILES),
        maximum: Some(OPEN_FILES),
    };
    setrlimit(Resource::Nofile, limit).context("raising the limit of open files")
}

/// Seconds since the kernel started.
pub fn uptime() -> Result<f64> {
    let text = read("/proc/uptime")?;
    let seconds = text.split(' ').next().unwrap_or_default();
    seconds.parse().context("reading the uptime")
}

/// A file of one line.
pub fn read(path: &str) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    Ok(text.trim_end().to_owned())
}

/// Ends the machine: QEMU is told to end instead of starting it again.
pub fn switch_off() -> Result<()> {
    reboot(RebootCommand::Restart).context("restarting")
}
