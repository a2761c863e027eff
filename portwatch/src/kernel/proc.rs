//! Who a process is, from `/proc/PID`.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::fd::{AsFd, OwnedFd},
};

use rustix::fs::{Mode, OFlags, open, openat};

use crate::model::{Process, container::container_id};

/// Where a process belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// cgroup path: the unified hierarchy's, or the most telling one where that is not used.
    pub cgroup: Option<String>,
    /// Container id.
    pub container: Option<String>,
}

/// Reads who a process is; none when it is gone or hidden.
#[must_use]
pub fn process(pid: u32) -> Option<Process> {
    let dir = open_dir(pid).ok()?;
    let comm = read(&dir, "comm").ok()?;
    let uid = real_uid(&read(&dir, "status").ok()?)?;
    let Membership { cgroup, container } = parse_cgroup(&read(&dir, "cgroup").unwrap_or_default());
    Some(Process {
        pid,
        comm: comm.trim_end_matches('\n').to_owned(),
        uid,
        cgroup,
        container,
    })
}

/// Reads where a process belongs; empty when it is gone or hidden.
#[must_use]
pub fn membership(pid: u32) -> Membership {
    open_dir(pid)
        .and_then(|dir| read(&dir, "cgroup"))
        .map(|text| parse_cgroup(&text))
        .unwrap_or_default()
}

/// Every process, lowest id first.
pub(super) fn pids() -> io::Result<Vec<u32>> {
    let mut pids: Vec<u32> = fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    Ok(pids)
}

/// Every process, the oldest first: what one has opened, those that it forks hold, too.
pub(super) fn oldest_first() -> io::Result<Vec<u32>> {
    let started = |pid: u32| start_ticks(&read(&open_dir(pid).ok()?, "stat").ok()?);
    let mut pids = pids()?;
    // One that is gone by now has nothing more to show.
    pids.sort_by_cached_key(|pid| started(*pid).unwrap_or(u64::MAX));
    Ok(pids)
}

/// `starttime` of proc_pid_stat(5), the 22nd field. The second, the command name, may hold spaces
/// and parentheses.
pub(super) fn start_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// The files are opened below the directory: when the process ends and its id is used again,
/// they fail instead of telling of another process.
pub(super) fn open_dir(pid: u32) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(open(format!("/proc/{pid}"), flags, Mode::empty())?)
}

pub(super) fn read(dir: impl AsFd, name: &str) -> io::Result<String> {
    let fd = openat(dir, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut bytes = Vec::new();
    File::from(fd).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The real user id, which is the one that BPF programs report.
fn real_uid(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Lines are `hierarchy:controllers:path`. The unified hierarchy (`0::`) is preferred, then
/// systemd's, then the first; but one that holds everything in its root tells nothing while another
/// does. A container shows in any of them.
fn parse_cgroup(text: &str) -> Membership {
    let mut best: Option<(u8, &str)> = None;
    let mut container = None;
    for line in text.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(id), Some(controllers), Some(path)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let path = path.strip_suffix(" (deleted)").unwrap_or(path);
        let rank = match (id, controllers) {
            _ if path == "/" => 3,
            ("0", "") => 0,
            (_, "name=systemd") => 1,
            _ => 2,
        };
        if best.is_none_or(|(other, _)| rank < other) {
            best = Some((rank, path));
        }
        container = container.or_else(|| container_id(path));
    }
    Membership {
        cgroup: best.map(|(_, path)| path.to_owned()),
        container: container.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::{membership, oldest_first, parse_cgroup, process, start_ticks};

    fn cgroup(text: &str) -> Option<String> {
        parse_cgroup(text).cgroup
    }

    #[test]
    fn reads_itself() {
        let own = process(std::process::id()).unwrap();
        assert_eq!(own.uid, rustix::process::getuid().as_raw());
        let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
        assert_eq!(own.comm, comm.trim_end());
        assert_eq!(own.cgroup, membership(own.pid).cgroup);
    }

    #[test]
    fn a_process_that_is_gone_is_none() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert_eq!(process(pid), None);
        assert_eq!(membership(pid), Default::default());
    }

    #[test]
    fn prefers_the_unified_hierarchy_that_tells_something() {
        let path = |text: &str| Some(text.to_owned());
        assert_eq!(cgroup("0::/a:b/c\n"), path("/a:b/c"));
        assert_eq!(cgroup("2:cpu:/x\n1:name=systemd:/y\n0::/z\n"), path("/z"));
        assert_eq!(cgroup("2:cpu:/x\n1:name=systemd:/y\n0::/\n"), path("/y"));
        assert_eq!(cgroup("3:cpu:/x\n2:pids:/y\n"), path("/x"));
        assert_eq!(cgroup("1:name=systemd:/\n0::/\n"), path("/"));
        assert_eq!(cgroup("0::/gone (deleted)\n"), path("/gone"));
        assert_eq!(cgroup("nonsense\n1:cpu\n"), None);
        assert_eq!(cgroup(""), None);
    }

    #[test]
    fn finds_the_container_in_any_hierarchy() {
        let id = "ab".repeat(32);
        let text = format!("4:memory:/docker/{id}\n0::/system.slice/containerd.service\n");
        let found = parse_cgroup(&text);
        assert_eq!(found.container, Some(id));
        assert_eq!(
            found.cgroup.as_deref(),
            Some("/system.slice/containerd.service")
        );
    }

    #[test]
    fn the_start_is_behind_any_name() {
        let tail = "S 1 1 1 0 -1 4194560 5 0 0 0 0 0 0 0 20 0 1 0 8823 1 2";
        assert_eq!(start_ticks(&format!("7 (a) b) (c) {tail}")), Some(8823));
        assert_eq!(start_ticks("7 (a) S 1"), None);
        assert_eq!(start_ticks(""), None);
    }

    #[test]
    fn who_forks_is_older() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pids = oldest_first().unwrap();
        let place = |pid: u32| pids.iter().position(|other| *other == pid).unwrap();
        assert!(place(std::process::id()) < place(child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
