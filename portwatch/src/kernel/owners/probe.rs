//! Asks a socket of another process for its port.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
};

use rustix::{
    fs::fstat,
    net::{
        SocketAddrAny, getpeername, getsockname, ipproto,
        sockopt::{socket_acceptconn, socket_protocol},
    },
    process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open},
};

use super::descriptors::SocketDescriptor;
use crate::model::{HolderRow, state};

/// A process whose descriptors can be had.
pub(super) struct Probe(OwnedFd);

impl Probe {
    /// Fails for a process that is gone, and before 5.3.
    pub fn new(pid: u32) -> io::Result<Self> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self(pidfd_open(pid, PidfdFlags::empty())?))
    }

    /// The socket behind a descriptor, if it is a TCP socket of this network namespace that has a
    /// port. Only looks, and closes at once; yet a close(2) of the process that falls into this
    /// instant takes effect at its end.
    ///
    /// # Errors
    /// When descriptors of this process are not ours to have, or can't be had (before 5.6).
    pub fn look(&self, found: SocketDescriptor, netns: u32) -> io::Result<Option<HolderRow>> {
        let socket = match pidfd_getfd(&self.0, found.number, PidfdGetfdFlags::empty()) {
            // Closed meanwhile.
            Err(rustix::io::Errno::BADF) => return Ok(None),
            other => other?,
        };
        // Closed and opened anew meanwhile, or of another process that has got the same id.
        let same = fstat(&socket).is_ok_and(|stat| stat.st_ino == u64::from(found.inode));
        if !same || socket_protocol(&socket) != Ok(Some(ipproto::TCP)) {
            return Ok(None);
        }
        let port = getsockname(&socket).ok().and_then(port);
        let Some(port) = port.filter(|port| *port != 0) else {
            return Ok(None);
        };
        if netns_of(&socket)? != netns {
            return Ok(None);
        }
        let state = match (socket_acceptconn(&socket), getpeername(&socket)) {
            (Ok(true), _) => state::LISTEN,
            (_, Ok(_)) => state::ESTABLISHED,
            _ => state::CLOSE,
        };
        Ok(Some(HolderRow {
            port,
            state,
            time_wait: false,
            opened: None,
            inode: found.inode,
        }))
    }
}

fn port(address: SocketAddrAny) -> Option<u16> {
    let address = std::net::SocketAddr::try_from(address).ok()?;
    Some(address.port())
}

/// Inode number of the network namespace that a socket was made in.
fn netns_of(socket: &OwnedFd) -> io::Result<u32> {
    // SAFETY: SIOCGSKNS takes no argument and touches no memory of ours; the socket is open.
    let fd = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGSKNS as _) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor that the kernel has just made for us, which nobody else knows of.
    let netns = unsafe { OwnedFd::from_raw_fd(fd) };
    u32::try_from(fstat(netns.as_fd())?.st_ino).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::{
        net::{SocketAddr, TcpListener, UdpSocket},
        os::fd::{AsFd, AsRawFd},
    };

    use socket2::{Domain, Socket, Type};

    use super::{Probe, SocketDescriptor};
    use crate::{
        kernel::netns::{Netns, enter_new_netns, fixture::OWN, loopback_up},
        model::state,
    };

    /// Port and state of a socket of this process, as a probe of this namespace sees it.
    fn look(socket: &(impl AsFd + AsRawFd), netns: u32) -> Option<(u16, u8)> {
        let found = SocketDescriptor {
            number: socket.as_raw_fd(),
            inode: u32::try_from(rustix::fs::fstat(socket).unwrap().st_ino).unwrap(),
        };
        let probe = Probe::new(std::process::id()).unwrap();
        let row = probe.look(found, netns).unwrap()?;
        assert_eq!(row.inode, found.inode);
        Some((row.port, row.state))
    }

    #[test]
    fn sees_port_state_and_namespace() {
        let place = || {
            enter_new_netns().unwrap();
            loopback_up().unwrap();
            let own = Netns::open(OWN.as_ref()).unwrap().inum;
            let listener = TcpListener::bind("127.0.0.1:30000").unwrap();
            assert_eq!(look(&listener, own), Some((30_000, state::LISTEN)));
            assert_eq!(look(&listener, own + 1), None);

            let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
            assert_eq!(look(&socket, own), None);
            let mapped: SocketAddr = "[::ffff:127.0.0.1]:30001".parse().unwrap();
            socket.bind(&mapped.into()).unwrap();
            assert_eq!(look(&socket, own), Some((30_001, state::CLOSE)));
            let peer: SocketAddr = "[::ffff:127.0.0.1]:30000".parse().unwrap();
            socket.connect(&peer.into()).unwrap();
            assert_eq!(look(&socket, own), Some((30_001, state::ESTABLISHED)));

            let udp = UdpSocket::bind("127.0.0.1:30002").unwrap();
            assert_eq!(look(&udp, own), None);
        };
        std::thread::spawn(place).join().unwrap();
    }

    #[test]
    fn another_descriptor_than_the_one_meant_is_none() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let found = SocketDescriptor {
            number: socket.as_raw_fd(),
            inode: 1,
        };
        let closed = SocketDescriptor {
            number: i32::MAX,
            inode: 1,
        };
        let probe = Probe::new(std::process::id()).unwrap();
        assert!(probe.look(found, 1).unwrap().is_none());
        assert!(probe.look(closed, 1).unwrap().is_none());
        assert!(Probe::new(0).is_err());
        assert!(Probe::new(u32::MAX).is_err());
    }
}
