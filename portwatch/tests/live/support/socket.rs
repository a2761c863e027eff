//! The client side of connections, one call a kind.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    os::fd::{AsRawFd, IntoRawFd},
    time::Duration,
};

use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

/// How a client reaches its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
    /// An IPv6 socket that talks IPv4.
    Mapped,
}

impl Family {
    /// A fresh socket of this family, in the calling thread's namespace.
    pub fn socket(self) -> Socket {
        self.socket_of(Type::STREAM)
    }

    /// A fresh socket of this family and type.
    pub fn socket_of(self, kind: Type) -> Socket {
        let domain = if self == Self::V4 {
            Domain::IPV4
        } else {
            Domain::IPV6
        };
        Socket::new(domain, kind, None).expect("a socket")
    }

    /// The loopback address.
    pub fn loopback(self) -> IpAddr {
        match self {
            Self::V6 => "::1".parse(),
            Self::V4 | Self::Mapped => "127.0.0.1".parse(),
        }
        .expect("an address")
    }

    /// `peer` as a socket of this family names it.
    pub fn name(self, peer: SocketAddr) -> SockAddr {
        match (self, peer.ip()) {
            (Self::Mapped, IpAddr::V4(ip)) => {
                SocketAddr::new(ip.to_ipv6_mapped().into(), peer.port()).into()
            }
            _ => peer.into(),
        }
    }

    /// A fresh socket, connected.
    pub fn connect(self, peer: SocketAddr) -> io::Result<Socket> {
        let socket = self.socket();
        socket.connect(&self.name(peer))?;
        Ok(socket)
    }

    /// A fresh socket, bound to an address and port first.
    pub fn bound(self, local: SocketAddr) -> Socket {
        let socket = self.socket();
        socket.set_reuse_address(true).expect("SO_REUSEADDR");
        socket.bind(&self.name(local)).expect("bind");
        socket
    }
}

/// The error number of a failed call.
pub fn errno<T>(result: &io::Result<T>) -> Option<Errno> {
    result.as_ref().err().and_then(Errno::from_io_error)
}

/// Opens connections until the one attempt that fails for want of a port.
pub fn exhaust(family: Family, peer: SocketAddr) -> Vec<Socket> {
    let mut open = Vec::new();
    loop {
        match family.connect(peer) {
            Ok(socket) => open.push(socket),
            Err(error) => {
                assert_eq!(Errno::from_io_error(&error), Some(Errno::ADDRNOTAVAIL));
                return open;
            }
        }
        assert!(open.len() <= 1000, "the range has no end");
    }
}

/// connect(2) to `AF_UNSPEC`: takes the connection down and leaves the socket to use again.
pub fn disconnect(socket: &Socket) {
    // SAFETY: all zero is a valid sockaddr; its family, 0, is AF_UNSPEC.
    let unspecified: libc::sockaddr = unsafe { std::mem::zeroed() };
    let length = libc::socklen_t::try_from(size_of_val(&unspecified)).expect("small");
    // SAFETY: the address lives through the call and is `length` bytes long.
    let result = unsafe { libc::connect(socket.as_raw_fd(), &raw const unspecified, length) };
    assert_eq!(result, 0, "AF_UNSPEC: {}", io::Error::last_os_error());
}

/// Closes, sending FIN now even if a process just forked still shares the socket for an instant.
pub fn close(socket: Socket) {
    // Fails only where the peer has reset the connection.
    let _ = socket.shutdown(std::net::Shutdown::Write);
}

/// Closes with a reset instead of FIN, so that no TIME_WAIT remains.
pub fn reset(socket: Socket) {
    socket.set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
}

/// Lets connect(2) choose the port later, though the address is bound now.
pub fn bind_address_no_port(socket: &Socket, address: &SockAddr) -> io::Result<()> {
    set_option(socket, libc::SOL_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)?;
    socket.bind(address)
}

/// Gives a socket an ephemeral port range of its own; kernels before 6.3 don't know of it.
pub fn set_own_range(socket: &Socket, range: &RangeInclusive<u16>) -> io::Result<()> {
    const IP_LOCAL_PORT_RANGE: i32 = 51;
    let both = i32::from_ne_bytes(
        (u32::from(*range.end()) << 16 | u32::from(*range.start())).to_ne_bytes(),
    );
    set_option(socket, libc::SOL_IP, IP_LOCAL_PORT_RANGE, both)
}

/// Asks for the connection to be set up by the first `sendto`.
pub fn send_fast_open(socket: &Socket, peer: &SockAddr) -> io::Result<usize> {
    socket.send_to_with_flags(b"x", peer, libc::MSG_FASTOPEN)
}

/// A connect(2) on a fresh socket, prepared so far that system calls alone are left to do.
pub struct Attempt {
    domain: Domain,
    local: Option<SockAddr>,
    peer: SockAddr,
}

impl Attempt {
    /// From an address bound first, if any is given.
    pub fn new(family: Family, local: Option<SocketAddr>, peer: SocketAddr) -> Self {
        Self {
            domain: match family {
                Family::V4 => Domain::IPV4,
                Family::V6 | Family::Mapped => Domain::IPV6,
            },
            local: local.map(|local| family.name(local)),
            peer: family.name(peer),
        }
    }

    /// Makes the attempt; a connected socket stays open. Returns the error number, 0 for none.
    pub fn make(&self) -> i32 {
        match self.connect() {
            Ok(socket) => {
                let _ = socket.into_raw_fd();
                0
            }
            Err(error) => error.raw_os_error().unwrap_or(-1),
        }
    }

    /// Makes the attempt.
    pub fn connect(&self) -> io::Result<Socket> {
        let socket = self.socket()?;
        self.connect_with(&socket)?;
        Ok(socket)
    }

    /// The socket, bound.
    pub fn socket(&self) -> io::Result<Socket> {
        let socket = Socket::new(self.domain, Type::STREAM, None)?;
        if let Some(local) = &self.local {
            socket.set_reuse_address(true)?;
            socket.bind(local)?;
        }
        Ok(socket)
    }

    /// Makes the attempt with a socket that is there.
    pub fn connect_with(&self, socket: &Socket) -> io::Result<()> {
        socket.connect(&self.peer)
    }
}

/// Lets connect(2) return at once, and the first data set the connection up.
pub fn defer_connect(socket: &Socket) -> io::Result<()> {
    set_option(socket, libc::SOL_TCP, libc::TCP_FASTOPEN_CONNECT, 1)
}

fn set_option(socket: &Socket, level: i32, name: i32, value: libc::c_int) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of_val(&value)).expect("small");
    // SAFETY: the value lives through the call and is `length` bytes long.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            length,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
