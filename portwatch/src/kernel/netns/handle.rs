use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::Path,
    sync::Arc,
};

use rustix::{
    fs::{Mode, OFlags, fstat, fstatfs, open},
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

/// `NSFS_MAGIC` of include/uapi/linux/magic.h.
const NSFS_MAGIC: i64 = 0x6e73_6673;

/// A network namespace, kept alive by an open descriptor.
#[derive(Debug)]
pub struct Netns {
    /// Inode number, as in `/proc/PID/ns/net`.
    pub inum: u32,
    /// Name of its mount, or the short id of its container.
    pub name: Option<Arc<str>>,
    /// A process in it, the one with the lowest id that was seen; none for one that only a mount
    /// or a descriptor holds.
    pub pid: Option<u32>,
    /// Id of the container that this process belongs to.
    pub container: Option<Arc<str>>,
    fd: OwnedFd,
}

impl Netns {
    /// Opens the namespace at a path.
    ///
    /// # Errors
    /// When the path can't be opened; `InvalidInput` when it is no network namespace.
    pub fn open(path: &Path) -> io::Result<Self> {
        // O_NONBLOCK: a path from the command line may be a FIFO.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = match open(path, flags, Mode::empty()) {
            Err(Errno::MFILE) => {
                allow_more_files()?;
                open(path, flags, Mode::empty())
            }
            result => result,
        }?;
        if !is_netns(fd.as_fd())? {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a network namespace",
            ));
        }
        let inum = u32::try_from(fstat(&fd)?.st_ino).map_err(io::Error::other)?;
        Ok(Self {
            inum,
            name: None,
            pid: None,
            container: None,
            fd,
        })
    }

    /// Runs a function inside this namespace, see [`in_netns`](super::in_netns).
    ///
    /// # Errors
    /// When the namespace can't be entered.
    pub fn run<T: Send>(&self, function: impl FnOnce() -> T + Send) -> io::Result<T> {
        super::in_netns(self.fd.as_fd(), function)
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn is_netns(fd: BorrowedFd<'_>) -> io::Result<bool> {
    if fstatfs(fd)?.f_type != NSFS_MAGIC {
        return Ok(false);
    }
    // SAFETY: NS_GET_NSTYPE takes no argument and touches no memory of ours; the descriptor is
    // open as long as it is borrowed.
    let kind = unsafe { libc::ioctl(fd.as_raw_fd(), libc::NS_GET_NSTYPE) };
    if kind < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(kind == libc::CLONE_NEWNET)
}

/// Raises the limit of open files as far as this process may: one descriptor a namespace is more
/// than the customary 1024 on a host of many containers.
fn allow_more_files() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return Err(Errno::MFILE.into());
    }
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    Ok(setrlimit(Resource::Nofile, raised)?)
}
