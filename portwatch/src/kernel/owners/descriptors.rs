//! The descriptors of a process that are sockets.

use std::{
    ffi::CStr,
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
};

use rustix::fs::{Dir, Mode, OFlags, openat, readlinkat_raw};

use crate::kernel::proc;

/// Longer than `socket:[4294967295]` and `net:[4294967295]`; what is cut short is neither.
const LINK: usize = 32;

/// A process's directory below `/proc`, held open: files below it are this process's or gone.
pub(super) struct ProcDir {
    pub pid: u32,
    dir: OwnedFd,
}

/// A descriptor that is a socket.
#[derive(Clone, Copy)]
pub(super) struct SocketDescriptor {
    /// Number of the descriptor in its process.
    pub number: i32,
    /// Inode number of the socket.
    pub inode: u32,
}

impl ProcDir {
    /// Opens it; fails for a process that is gone or hidden.
    pub fn open(pid: u32) -> io::Result<Self> {
        let dir = proc::open_dir(pid)?;
        Ok(Self { pid, dir })
    }

    /// Command name; none for a process that is gone.
    pub fn comm(&self) -> Option<String> {
        let comm = proc::read(&self.dir, "comm").ok()?;
        Some(comm.trim_end_matches('\n').to_owned())
    }

    /// Inode number of its network namespace; none where that is not ours to see.
    pub fn netns(&self) -> Option<u32> {
        link(&self.dir, c"ns/net", b"net:[")
    }

    /// Goes over its sockets until `step` returns false. Reading links opens nothing and can't hang
    /// on what the descriptors lead to.
    pub fn each_socket(&self, mut step: impl FnMut(SocketDescriptor) -> bool) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(&self.dir, "fd", flags, Mode::empty())?;
        let mut entries = Dir::read_from(&directory)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name();
            let number = name.to_str().ok().and_then(|name| name.parse().ok());
            let inode = number.and_then(|_| link(&directory, name, b"socket:["));
            if let (Some(number), Some(inode)) = (number, inode)
                && !step(SocketDescriptor { number, inode })
            {
                break;
            }
        }
        Ok(())
    }
}

/// The inode number that a link like `socket:[17]` leads to.
fn link(dir: impl AsFd, name: &CStr, prefix: &[u8]) -> Option<u32> {
    let mut buffer = [MaybeUninit::uninit(); LINK];
    let (link, _) = readlinkat_raw(dir, name, &mut buffer).ok()?;
    let number = link.strip_prefix(prefix)?.strip_suffix(b"]")?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{fs, net::TcpListener, os::fd::AsRawFd};

    use super::ProcDir;

    #[test]
    fn finds_a_socket_of_its_own() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = rustix::fs::fstat(&socket).unwrap().st_ino;
        let own = ProcDir::open(std::process::id()).unwrap();
        let mut number = None;
        own.each_socket(|found| {
            if u64::from(found.inode) == inode {
                number = Some(found.number);
            }
            number.is_none()
        })
        .unwrap();
        assert_eq!(number, Some(socket.as_raw_fd()));
        let comm = fs::read_to_string("/proc/self/comm").unwrap();
        assert_eq!(own.comm().unwrap(), comm.trim_end());
        let netns = fs::read_link("/proc/self/ns/net").unwrap();
        let shown = format!("net:[{}]", own.netns().unwrap());
        assert_eq!(netns.to_string_lossy(), shown);
    }

    #[test]
    fn a_process_that_is_gone_has_none() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let process = ProcDir::open(child.id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(ProcDir::open(child.id()).is_err());
        assert!(process.each_socket(|_| true).is_err());
        assert_eq!((process.comm(), process.netns()), (None, None));
    }
}
