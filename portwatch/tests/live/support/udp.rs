//! What makes the kernel give a UDP socket its port, other than bind(2).

use std::{io, net::SocketAddr, os::fd::AsRawFd};

use socket2::{MsgHdr, SockAddr, Socket, Type};

use super::socket::Family;

/// A call on a UDP socket without a port.
#[derive(Clone, Copy, Debug)]
pub enum Call {
    Connect,
    Sendto,
    Sendmsg,
    Sendmmsg,
}

/// Every such call.
pub const CALLS: [Call; 4] = [Call::Connect, Call::Sendto, Call::Sendmsg, Call::Sendmmsg];

impl Call {
    /// Makes the call.
    pub fn make(self, socket: &Socket, peer: &SockAddr) -> io::Result<()> {
        match self {
            Self::Connect => socket.connect(peer),
            Self::Sendto => socket.send_to(b"x", peer).map(drop),
            Self::Sendmsg => socket.sendmsg(&MsgHdr::new().with_addr(peer), 0).map(drop),
            Self::Sendmmsg => sendmmsg(socket, peer),
        }
    }

    /// A fresh socket with a port by this call.
    pub fn socket(self, family: Family, peer: SocketAddr) -> io::Result<Socket> {
        let socket = family.socket_of(Type::DGRAM);
        self.make(&socket, &family.name(peer))?;
        Ok(socket)
    }
}

/// Two empty datagrams.
fn sendmmsg(socket: &Socket, peer: &SockAddr) -> io::Result<()> {
    // SAFETY: all zero is a valid header of an empty datagram.
    let mut messages: [libc::mmsghdr; 2] = unsafe { std::mem::zeroed() };
    for message in &mut messages {
        message.msg_hdr.msg_name = peer.as_ptr().cast_mut().cast();
        message.msg_hdr.msg_namelen = peer.len();
    }
    // SAFETY: the headers and the address that they point to live through the call.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), 2, 0) };
    if sent < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
