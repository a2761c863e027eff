//! The TCP sockets of a network namespace by `NETLINK_SOCK_DIAG` (sock_diag(7)), for where no BPF
//! program can be loaded.

mod netlink;
mod opened;
#[cfg(test)]
mod tests;
mod wire;

use std::net::IpAddr;

use anyhow::{Context, Result, bail};
use rustix::net::AddressFamily;

use crate::model::{Opened, SocketRow};
use netlink::{Dump, Outcome};

/// `TCP_LISTEN` of include/net/tcp_states.h.
pub const LISTEN: u8 = 10;
/// Tries of a dump that the kernel calls inconsistent.
const TRIES: u32 = 5;

/// A TCP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Kernel's state number (include/net/tcp_states.h); a TIME_WAIT mini-socket that stands for
    /// FIN_WAIT2 shows as that.
    pub state: u8,
    /// Local address, IPv4 where it is v4-mapped.
    pub local_ip: IpAddr,
    /// Local port.
    pub local_port: u16,
    /// Peer address, IPv4 where it is v4-mapped.
    pub peer_ip: IpAddr,
    /// Peer port.
    pub peer_port: u16,
    /// True for a mini-socket (`struct inet_timewait_sock`): TIME_WAIT, or FIN_WAIT2 of an orphan.
    pub time_wait: bool,
    /// Interface index that the socket is bound to, 0 for none.
    pub bound_dev: u32,
    /// User id of the owner; 0 in TIME_WAIT, which has none.
    pub uid: u32,
    /// Inode number, as in `/proc/PID/fd`; 0 where no descriptor is left.
    pub inode: u32,
    /// Which end opened the connection; none where it was not asked for ([`Which::Holders`]) or
    /// nobody can tell.
    pub opened: Option<Opened>,
}

impl From<&Socket> for SocketRow {
    fn from(socket: &Socket) -> Self {
        Self {
            bound_dev: socket.bound_dev,
            local_ip: socket.local_ip,
            local_port: socket.local_port,
            peer_ip: socket.peer_ip,
            peer_port: socket.peer_port,
            state: socket.state,
            time_wait: socket.time_wait,
            autobound: None,
        }
    }
}

/// Which sockets to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those with a peer, TIME_WAIT included.
    Connections,
    /// Listeners only; the kernel does not go over the connections for it.
    Listeners,
    /// Listeners too.
    All,
    /// Everything that can hold a port, bound sockets that neither listen nor connect among it where
    /// the kernel lists those (since 6.8; in the state CLOSE), and who opened each connection.
    Holders,
}

/// Goes over the TCP sockets, IPv4 and IPv6, of the calling thread's network namespace.
///
/// Nothing is collected: `step` takes one socket at a time into the accumulator that `init` made.
/// When the kernel says that a dump was inconsistent it is repeated with a new accumulator.
///
/// # Errors
/// When the kernel refuses the dump or it stays inconsistent.
pub fn fold<T>(
    which: Which,
    init: impl Fn() -> T,
    mut step: impl FnMut(&mut T, Socket),
) -> Result<T> {
    for _ in 0..TRIES {
        let mut accumulator = init();
        let mut outcome = Outcome::Complete;
        for family in [AddressFamily::INET, AddressFamily::INET6] {
            outcome = Dump::start(family, which)
                .and_then(|mut dump| dump.run(|socket| step(&mut accumulator, socket)))
                .context(
                    "cannot list TCP sockets by sock_diag (the kernel needs CONFIG_INET_DIAG, \
                     or its modules inet_diag and tcp_diag)",
                )?
                .or(outcome);
        }
        if outcome == Outcome::Complete {
            return Ok(accumulator);
        }
    }
    bail!("sock_diag gave {TRIES} inconsistent lists of TCP sockets in a row")
}
