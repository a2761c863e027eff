use std::{
    io::{self, Write},
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Where the journal takes entries.
const JOURNAL: &str = "/run/systemd/journal/socket";

/// Where lines go. Sending one never waits.
pub(super) enum Sink {
    Stderr,
    Journal(UnixDatagram, PathBuf),
}

impl Sink {
    /// The journal if that is wanted and there, else stderr.
    pub fn new(journal: bool) -> Self {
        if !journal {
            return Self::Stderr;
        }
        match Self::journal(Path::new(JOURNAL)) {
            Ok(sink) => sink,
            Err(error) => {
                log::info!("no journal at {JOURNAL}, events go to stderr: {error}");
                Self::Stderr
            }
        }
    }

    fn journal(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        // Connected only to see that somebody is there: a journal that is started anew has another
        // socket under the same name.
        socket.connect(path)?;
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self::Journal(socket, path.to_owned()))
    }

    /// Whether it takes the journal's own form.
    pub fn is_journal(&self) -> bool {
        matches!(self, Self::Journal(..))
    }

    /// Sends a line.
    ///
    /// # Errors
    /// `WouldBlock` where there is no room for it now.
    pub fn send(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Journal(socket, path) => socket.send_to(line, path).map(drop),
            Self::Stderr if has_room() => io::stderr().write_all(line),
            Self::Stderr => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// Whether stderr takes a line without waiting: a pipe has room for 4096 bytes then, and no line but
/// the first is as long.
fn has_room() -> bool {
    let stderr = rustix::stdio::stderr();
    let mut polled = [PollFd::new(&stderr, PollFlags::OUT)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut polled, Some(&at_once)).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::Sink;

    #[test]
    fn a_journal_started_anew_is_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        assert!(Sink::journal(&path).is_err());
        let listen = || UnixDatagram::bind(&path).unwrap();
        let first = listen();
        let mut sink = Sink::journal(&path).unwrap();
        assert!(sink.is_journal());
        sink.send(b"MESSAGE=a\n").unwrap();
        drop(first);
        assert!(sink.send(b"MESSAGE=b\n").is_err());
        std::fs::remove_file(&path).unwrap();
        let second = listen();
        sink.send(b"MESSAGE=c\n").unwrap();
        let mut bytes = [0; 64];
        let length = second.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"MESSAGE=c\n");
    }
}
