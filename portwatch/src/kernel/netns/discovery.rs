use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::Netns;
use crate::{kernel::proc, model::container::short_id};

/// Directories of named namespaces, the most telling names first: ip-netns(8) and the container
/// network plugins, then Docker's sandboxes.
pub(super) const NAMED: [&str; 4] = [
    "/run/netns",
    "/var/run/netns",
    "/run/docker/netns",
    "/var/run/docker/netns",
];
/// How many of [`NAMED`] hold names that a person chose.
const CHOSEN: usize = 2;

/// The namespaces found, one open descriptor each.
#[derive(Debug, Default)]
pub struct Discovery {
    /// By inode number.
    pub namespaces: BTreeMap<u32, Netns>,
    /// Processes whose namespace this process may not look at (it takes CAP_SYS_PTRACE).
    pub denied: usize,
}

impl Discovery {
    /// Looks at this process, at the named namespaces and at every process.
    ///
    /// # Errors
    /// When `/proc` can't be read or there are too few descriptors (`ulimit -n`). Processes and
    /// names that vanish meanwhile are no error.
    pub fn new() -> io::Result<Self> {
        let mut found = Self::default();
        found.add(Path::new("/proc/thread-self/ns/net"), None)?;
        let (chosen, given) = NAMED.split_at(CHOSEN);
        found.add_named(chosen)?;
        for pid in proc::pids()? {
            found.add(format!("/proc/{pid}/ns/net").as_ref(), Some(pid))?;
        }
        found.name_containers();
        found.add_named(given)?;
        Ok(found)
    }

    /// Looks at every thread and every descriptor too. It costs a system call or two for each.
    ///
    /// # Errors
    /// As [`Discovery::new`].
    pub fn deepen(&mut self) -> io::Result<()> {
        let denied = self.denied;
        for pid in proc::pids()? {
            for thread in entries(format!("/proc/{pid}/task"))? {
                self.add(&thread.join("ns/net"), Some(pid))?;
            }
            for descriptor in entries(format!("/proc/{pid}/fd"))? {
                let leads_to = fs::read_link(&descriptor).unwrap_or_default();
                if leads_to.to_string_lossy().starts_with("net:[") {
                    // No process: the holder need not be in it.
                    self.add(&descriptor, None)?;
                }
            }
        }
        // Those were counted by process before.
        self.denied = denied;
        self.name_containers();
        Ok(())
    }

    /// Adds the namespace at a path below `/proc`, unless it is known or gone.
    fn add(&mut self, path: &Path, pid: Option<u32>) -> io::Result<()> {
        // Opening comes after looking: thousands of processes share few namespaces.
        let known = match fs::metadata(path) {
            Ok(found) => u32::try_from(found.ino()).unwrap_or(0),
            Err(error) => return self.skip(error),
        };
        if let Some(netns) = self.namespaces.get_mut(&known) {
            netns.pid = netns.pid.or(pid);
            return Ok(());
        }
        let mut netns = match Netns::open(path) {
            Ok(netns) => netns,
            Err(error) => return self.skip(error),
        };
        netns.pid = pid;
        self.insert(netns);
        Ok(())
    }

    /// Adds a namespace, unless it is known; its inode number.
    pub(super) fn insert(&mut self, netns: Netns) -> u32 {
        let inum = netns.inum;
        self.namespaces.entry(inum).or_insert(netns);
        inum
    }

    /// What is gone, or not ours to see, is not found; what else goes wrong is an error.
    fn skip(&mut self, error: io::Error) -> io::Result<()> {
        match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM) => return Err(error),
            Some(libc::EACCES | libc::EPERM) => self.denied += 1,
            _ => {}
        }
        Ok(())
    }

    fn add_named(&mut self, directories: &[&str]) -> io::Result<()> {
        for directory in directories {
            for path in entries(directory)? {
                let Some(inum) = self.add_mounted(&path)? else {
                    continue;
                };
                let name = path.file_name().map(|name| name.to_string_lossy());
                if let (Some(name), Some(netns)) = (name, self.namespaces.get_mut(&inum)) {
                    netns.name.get_or_insert_with(|| Arc::from(name.as_ref()));
                }
            }
        }
        Ok(())
    }

    /// Adds the namespace at any path; its inode number, none when there is none.
    fn add_mounted(&mut self, path: &Path) -> io::Result<Option<u32>> {
        // A name whose mount is gone is a plain file: its inode number means nothing before it is
        // opened and known for a namespace.
        match Netns::open(path) {
            Ok(netns) => Ok(Some(self.insert(netns))),
            Err(error) => self.skip(error).map(|()| None),
        }
    }

    fn name_containers(&mut self) {
        for netns in self.namespaces.values_mut() {
            if let (None, Some(pid)) = (&netns.container, netns.pid) {
                netns.container = proc::membership(pid).container.map(Arc::from);
            }
            if let (None, Some(id)) = (&netns.name, &netns.container) {
                netns.name = Some(Arc::from(short_id(id)));
            }
        }
    }
}

/// The paths in a directory, none where it doesn't exist or is not ours to read.
fn entries(directory: impl AsRef<Path>) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Ok(entries) => Ok(entries.filter_map(|e| Some(e.ok()?.path())).collect()),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
            Err(error)
        }
        Err(_) => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::mpsc};

    use super::Discovery;
    use crate::kernel::netns::{
        Netns, enter_new_netns,
        fixture::{OWN, TestNetns},
    };

    #[test]
    fn finds_its_own_namespace_with_a_process() {
        let own = Netns::open(OWN.as_ref()).unwrap().inum;
        let found = Discovery::new().unwrap();
        assert!(found.namespaces[&own].pid.is_some());
    }

    #[test]
    fn finds_what_a_descriptor_holds_on_request_only() {
        let namespace = TestNetns::new();
        let mut found = Discovery::new().unwrap();
        assert!(!found.namespaces.contains_key(&namespace.inum()));
        found.deepen().unwrap();
        let found = &found.namespaces[&namespace.inum()];
        assert_eq!(found.pid, None);
        let inside = found.run(|| Netns::open(OWN.as_ref()).unwrap().inum);
        assert_eq!(inside.unwrap(), namespace.inum());
    }

    #[test]
    fn finds_what_a_thread_holds_and_keeps_it() {
        let (inum_sender, inum) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            enter_new_netns().unwrap();
            let inum = Netns::open(Path::new(OWN)).unwrap().inum;
            inum_sender.send(inum).unwrap();
            let _ = ended.recv();
        });
        let inum = inum.recv().unwrap();
        let mut found = Discovery::new().unwrap();
        found.deepen().unwrap();
        drop(end);
        thread.join().unwrap();
        let inside = found.namespaces[&inum].run(|| Netns::open(OWN.as_ref()).unwrap().inum);
        assert_eq!(inside.unwrap(), inum);
    }
}
