//! Layouts of include/uapi/linux/{netlink,inet_diag}.h.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::net::AddressFamily;
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    byteorder::{BE, NativeEndian, U16, U32},
};

use super::{Socket, opened::opened};

/// `idiag_timer` of a mini-socket (`inet_twsk_diag_fill`, 4.4 to 6.18).
const TIMER_TIME_WAIT: u8 = 3;

type Word = U32<NativeEndian>;
type Half = U16<NativeEndian>;

/// `struct nlmsghdr`.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub(super) struct Header {
    pub len: Word,
    pub kind: Half,
    pub flags: Half,
    pub sequence: Word,
    pub port: Word,
}

/// `struct inet_diag_sockid`.
#[repr(C)]
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub(super) struct SocketId {
    local_port: U16<BE>,
    peer_port: U16<BE>,
    local: [u8; 16],
    peer: [u8; 16],
    interface: Word,
    cookie: [Word; 2],
}

/// `struct inet_diag_req_v2` behind its header.
#[repr(C)]
#[derive(Clone, Copy, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub(super) struct Request {
    pub header: Header,
    pub family: u8,
    pub protocol: u8,
    pub extensions: u8,
    pub padding: u8,
    /// Bit n: state n.
    pub states: Word,
    pub id: SocketId,
}

/// `struct inet_diag_msg`.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub(super) struct Response {
    family: u8,
    state: u8,
    timer: u8,
    retransmits: u8,
    id: SocketId,
    expires: Word,
    receive_queue: Word,
    write_queue: Word,
    uid: Word,
    inode: Word,
}

impl Response {
    /// The socket, with the attributes behind it; none of a family other than IPv4 and IPv6.
    pub fn socket(&self, attributes: &[u8]) -> Option<Socket> {
        let address: fn([u8; 16]) -> IpAddr = match AddressFamily::from_raw(self.family.into()) {
            AddressFamily::INET => v4,
            AddressFamily::INET6 => v6,
            _ => return None,
        };
        Some(Socket {
            state: self.state,
            local_ip: address(self.id.local),
            local_port: self.id.local_port.get(),
            peer_ip: address(self.id.peer),
            peer_port: self.id.peer_port.get(),
            time_wait: self.timer == TIMER_TIME_WAIT,
            bound_dev: self.id.interface.get(),
            uid: self.uid.get(),
            inode: self.inode.get(),
            opened: opened(self.state, self.write_queue.get(), attributes),
        })
    }
}

fn v4([a, b, c, d, ..]: [u8; 16]) -> IpAddr {
    Ipv4Addr::new(a, b, c, d).into()
}

fn v6(bytes: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(bytes).to_canonical()
}
