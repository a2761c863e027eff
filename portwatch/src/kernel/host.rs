//! What this kernel and these privileges allow: the facts that `doctor` shows.

mod capability;

use std::{fs, path::Path};

pub use capability::{Capabilities, Capability};
use landlock::{AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr};
use rustix::process::{Resource, getrlimit};

/// Locked memory that the maps take with the default options, in bytes, rounded up generously.
const MEMLOCK: u64 = 128 << 20;

/// Facts about the machine and this process. What the kernel doesn't tell is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Kernel release, as uname(2) has it.
    pub release: String,
    /// Lockdown mode (`none`, `integrity`, `confidentiality`); none where the kernel has no
    /// lockdown or securityfs is not mounted.
    pub lockdown: Option<String>,
    /// Effective capabilities of this process.
    pub capabilities: Capabilities,
    /// `kernel.unprivileged_bpf_disabled`.
    pub unprivileged_bpf_disabled: Option<i32>,
    /// `kernel.perf_event_paranoid`.
    pub perf_event_paranoid: Option<i32>,
    /// `kernel.kptr_restrict`.
    pub kptr_restrict: Option<i32>,
    /// `kernel.bpf_stats_enabled`.
    pub bpf_stats_enabled: Option<i32>,
    /// Soft limit of locked memory, bytes; none for no limit. Maps count against it up to 5.10.
    pub memlock: Option<u64>,
    /// Whether a thread can confine its access to files (Landlock).
    pub landlock: bool,
    /// Whether a thread can confine its system calls (seccomp filters).
    pub seccomp: bool,
}

impl Host {
    /// Reads all of it.
    #[must_use]
    pub fn read() -> Self {
        let kernel = |name: &str| number(format!("/proc/sys/kernel/{name}"));
        Self {
            release: kernel_release(),
            lockdown: fs::read_to_string("/sys/kernel/security/lockdown")
                .ok()
                .and_then(|text| lockdown_mode(&text)),
            capabilities: Capabilities::effective(),
            unprivileged_bpf_disabled: kernel("unprivileged_bpf_disabled"),
            perf_event_paranoid: kernel("perf_event_paranoid"),
            kptr_restrict: kernel("kptr_restrict"),
            bpf_stats_enabled: kernel("bpf_stats_enabled"),
            memlock: getrlimit(Resource::Memlock).current,
            landlock: has_landlock(),
            seccomp: Path::new("/proc/sys/kernel/seccomp/actions_avail").exists(),
        }
    }
}

impl Host {
    /// The first two numbers of the release.
    #[must_use]
    pub fn version(&self) -> Option<(u32, u32)> {
        version(&self.release)
    }

    /// The limit of locked memory, bytes, where it may be in the way of maps: up to 5.10 they count
    /// against it, later kernels charge them to the memory cgroup.
    #[must_use]
    pub fn locked_memory(&self) -> Option<u64> {
        let counts = self.version().is_none_or(|version| version < (5, 11));
        let raises = self.capabilities.has(Capability::SysResource);
        self.memlock
            .filter(|limit| counts && !raises && *limit < MEMLOCK)
    }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Makes a set of rules, which confines nobody before it is applied.
fn has_landlock() -> bool {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::ReadFile)
        .and_then(Ruleset::create)
        .is_ok()
}

/// Kernel release, as uname(2) has it.
#[must_use]
pub fn kernel_release() -> String {
    let name = rustix::system::uname();
    name.release().to_string_lossy().into_owned()
}

/// The machine's name, as `uname -n` prints it.
#[must_use]
pub fn host_name() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

/// Numbers of the system calls that give sockets their ports, on this architecture.
pub mod syscall {
    /// connect(2).
    pub const CONNECT: u32 = libc::SYS_connect as u32;
    /// bind(2).
    pub const BIND: u32 = libc::SYS_bind as u32;
    /// listen(2).
    pub const LISTEN: u32 = libc::SYS_listen as u32;
    /// sendto(2).
    pub const SENDTO: u32 = libc::SYS_sendto as u32;
    /// sendmsg(2).
    pub const SENDMSG: u32 = libc::SYS_sendmsg as u32;
    /// sendmmsg(2).
    pub const SENDMMSG: u32 = libc::SYS_sendmmsg as u32;
}

/// The mode in brackets: `none [integrity] confidentiality`.
fn lockdown_mode(text: &str) -> Option<String> {
    let (mode, _) = text.split_once('[')?.1.split_once(']')?;
    Some(mode.to_owned())
}

fn number(path: impl AsRef<Path>) -> Option<i32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Capability, Host, lockdown_mode, version};

    #[test]
    fn reads_this_machine() {
        let host = Host::read();
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(host.release, release.trim());
        assert!(host.perf_event_paranoid.is_some() && host.kptr_restrict.is_some());
        if rustix::process::geteuid().is_root() {
            assert!(host.capabilities.has(Capability::Bpf));
        }
    }

    #[test]
    fn the_lockdown_mode_is_the_one_in_brackets() {
        let mode = lockdown_mode;
        assert_eq!(
            mode("none [integrity] confidentiality\n"),
            Some("integrity".to_owned())
        );
        assert_eq!(
            mode("[none] integrity confidentiality\n"),
            Some("none".to_owned())
        );
        assert_eq!(mode("none"), None);
    }

    #[test]
    fn releases_have_many_forms() {
        assert_eq!(version("6.18.44"), Some((6, 18)));
        assert_eq!(version("5.10.0-28-amd64"), Some((5, 10)));
        assert_eq!(version("6.1-rc3+"), Some((6, 1)));
        assert_eq!(version(""), None);
        assert_eq!(version("six"), None);
    }
}
