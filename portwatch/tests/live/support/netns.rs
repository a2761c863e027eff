//! A network namespace of one's own, gone when the value is dropped.

use std::{
    fs::{self, File},
    io,
    ops::RangeInclusive,
    os::{
        fd::AsFd,
        unix::{fs::MetadataExt, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::{
        Once,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use super::{process::ip, wait};

const PREFIX: &str = "pwtest-";

/// A network namespace with the loopback device up.
pub struct Netns {
    path: PathBuf,
    inum: u32,
    name: Option<String>,
    holder: Option<Child>,
}

impl Netns {
    /// A namespace under `/run/netns`, as `ip netns add` makes it.
    pub fn named(range: RangeInclusive<u16>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        static SWEPT: Once = Once::new();
        SWEPT.call_once(delete_left_behind);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        ip(&["netns", "add", &name]);
        let path = Path::new("/run/netns").join(&name);
        Self::with(path, Some(name), None, range)
    }

    /// A namespace that has no name: only a process keeps it.
    pub fn held_by_a_process(range: RangeInclusive<u16>) -> Self {
        let mut sleep = Command::new("sleep");
        sleep.arg("600");
        let own = fs::metadata("/proc/self/ns/net").expect("own netns").ino();
        // SAFETY: between fork and exec the closure only makes one system call.
        unsafe {
            sleep.pre_exec(|| {
                rustix::thread::unshare_unsafe(UnshareFlags::NEWNET).map_err(io::Error::from)
            });
        }
        let holder = sleep.spawn().expect("start sleep");
        let path = PathBuf::from(format!("/proc/{}/ns/net", holder.id()));
        wait::until("the holder's own netns", wait::SOON, || {
            fs::metadata(&path).ok().filter(|m| m.ino() != own)
        });
        Self::with(path, None, Some(holder), range)
    }

    fn with(
        path: PathBuf,
        name: Option<String>,
        holder: Option<Child>,
        range: RangeInclusive<u16>,
    ) -> Self {
        let inum = fs::metadata(&path).expect("netns file").ino();
        let inum = u32::try_from(inum).expect("an inode number of nsfs has 32 bits");
        let netns = Self {
            path,
            inum,
            name,
            holder,
        };
        netns.command("ip", &["link", "set", "lo", "up"]);
        netns.set_range(range);
        // By default loopback takes ports back from TIME_WAIT after a second; tests ask for it.
        netns.sysctl("ipv4/tcp_tw_reuse", 0);
        netns
    }

    /// Inode number, as portwatch shows it.
    pub fn inum(&self) -> u32 {
        self.inum
    }

    /// Name under `/run/netns`, none for one that a process holds.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What `--netns` takes: the name, or the inode number.
    pub fn selector(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.inum.to_string())
    }

    /// Runs `work` in a thread that entered the namespace; a panic in it is the test's.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let entered = || {
            self.enter();
            work()
        };
        match thread::scope(|scope| scope.spawn(entered).join()) {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Moves the calling thread into the namespace, for good.
    pub fn enter(&self) {
        let file = File::open(&self.path).expect("open the netns");
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).expect("setns");
    }

    /// Runs a program in the namespace, which must succeed, and returns what it printed.
    pub fn command(&self, program: &str, arguments: &[&str]) -> String {
        self.run(|| super::process::succeed(Command::new(program).args(arguments)))
    }

    /// `net.<key>`, with slashes.
    pub fn sysctl(&self, key: &str, value: impl ToString) {
        assert!(self.try_sysctl(key, value), "no sysctl net/{key}");
    }

    /// As [`Self::sysctl`]; false where this kernel has no such key.
    pub fn try_sysctl(&self, key: &str, value: impl ToString) -> bool {
        let (path, value) = (Path::new("/proc/sys/net").join(key), value.to_string());
        self.run(|| match fs::write(&path, &value) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => panic!("{}: {error}", path.display()),
        })
    }

    /// Takes the name away, as `ip netns del` does: what is inside lives on while it is in use.
    pub fn delete_name(&mut self) {
        if let Some(name) = self.name.take() {
            delete(&name);
        }
    }

    /// The ephemeral port range.
    pub fn set_range(&self, range: RangeInclusive<u16>) {
        let value = format!("{} {}", range.start(), range.end());
        self.sysctl("ipv4/ip_local_port_range", value);
    }

    /// `ip_local_reserved_ports`, in its own notation.
    pub fn reserve(&self, ports: &str) {
        self.sysctl("ipv4/ip_local_reserved_ports", ports);
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        self.delete_name();
        if let Some(holder) = &mut self.holder {
            // Fails only for one that is gone already.
            let _ = holder.kill();
            let _ = holder.wait();
        }
    }
}

/// Never panics: it runs while a failed test unwinds.
fn delete(name: &str) {
    let _ = Command::new("ip").args(["netns", "del", name]).status();
}

/// Deletes the namespaces of test runs that were killed.
fn delete_left_behind() {
    let Ok(entries) = fs::read_dir("/run/netns") else {
        return;
    };
    for name in entries.filter_map(|e| e.ok()?.file_name().into_string().ok()) {
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            delete(&name);
        }
    }
}
