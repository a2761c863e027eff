//! Operations that begin something.

use std::net::SocketAddr;

use rustix::io::Errno;
use socket2::Socket;

use super::place::{Connection, MOST_OPEN, Place};
use crate::support::{
    kernel_list::Tuple,
    socket::{Family, bind_address_no_port},
};

const MOST_WAITING: usize = 60;
const MOST_SPARE: usize = 100;

impl Place {
    pub fn open_one(&mut self) {
        if self.open.len() >= MOST_OPEN {
            return self.close_one();
        }
        let (family, peer) = self.destination();
        match self.rng.u8(..20) {
            0 => self.open_bound(family, peer),
            1 if family != Family::Mapped => {
                let socket = family.socket();
                let local = SocketAddr::new(family.loopback(), 0);
                bind_address_no_port(&socket, &local.into()).expect("bind");
                self.connect(family, socket, peer);
            }
            _ => self.connect(family, family.socket(), peer),
        }
    }

    /// Uses a socket again that was connected, or refused, before.
    pub fn reuse_spare(&mut self) {
        if let Some((family, socket)) = Self::pick(&mut self.rng, &mut self.spare) {
            let (other, peer) = self.destination();
            if other == family && self.open.len() < MOST_OPEN {
                self.connect(family, socket, peer);
            }
        }
    }

    /// A connection from an explicitly bound port, which is none of the range.
    fn open_bound(&mut self, family: Family, peer: SocketAddr) {
        let local = SocketAddr::new(family.loopback(), self.next_bound_port);
        self.next_bound_port += 1;
        assert!(!self.range.contains(&local.port()));
        let socket = family.bound(local);
        socket
            .connect(&family.name(peer))
            .expect("connect from a bound port");
        self.accept(family, socket, peer);
    }

    /// connect(2) with the port search: it works, or there is no port.
    fn connect(&mut self, family: Family, socket: Socket, peer: SocketAddr) {
        match self.attempt(family, &socket, peer) {
            None => self.accept(family, socket, peer),
            Some(Errno::ADDRNOTAVAIL) => {
                *self.exhausted.entry(tuple(family, peer)).or_default() += 1;
                self.keep_spare(family, socket);
            }
            // What remains at the server of an earlier connection from this port may reset a new one
            // (`tcp_timewait_state_process` in FIN_WAIT2).
            Some(Errno::CONNREFUSED) => self.keep_spare(family, socket),
            Some(other) => panic!("connect to {peer}: {other}"),
        }
    }

    fn attempt(&mut self, family: Family, socket: &Socket, peer: SocketAddr) -> Option<Errno> {
        *self.attempts.entry(tuple(family, peer)).or_default() += 1;
        let result = socket.connect(&family.name(peer));
        crate::support::socket::errno(&result)
    }

    fn accept(&mut self, family: Family, client: Socket, peer: SocketAddr) {
        let at = self
            .ports()
            .iter()
            .position(|port| *port == peer.port())
            .expect("a listener");
        let (server, _) = self.listeners[at].accept().expect("accept");
        self.open.push(Connection {
            family,
            client,
            server,
        });
    }

    pub fn refused(&mut self) {
        let (family, _) = self.destination();
        let peer = SocketAddr::new(family.loopback(), self.closed_port());
        let again = self
            .rng
            .bool()
            .then(|| self.spare.iter().position(|s| s.0 == family));
        let socket = match again.flatten() {
            Some(at) => self.spare.swap_remove(at).1,
            None => family.socket(),
        };
        assert_eq!(
            self.attempt(family, &socket, peer),
            Some(Errno::CONNREFUSED)
        );
        self.keep_spare(family, socket);
    }

    pub fn leave_in_syn_sent(&mut self) {
        if self.waiting.len() >= MOST_WAITING {
            return;
        }
        let (family, _) = self.destination();
        let peer = SocketAddr::new(family.loopback(), self.full_port());
        let socket = family.socket();
        socket.set_nonblocking(true).expect("O_NONBLOCK");
        assert_eq!(self.attempt(family, &socket, peer), Some(Errno::INPROGRESS));
        self.waiting.push((family, socket));
    }

    pub fn keep_spare(&mut self, family: Family, socket: Socket) {
        if self.spare.len() < MOST_SPARE {
            socket.set_nonblocking(false).expect("O_NONBLOCK");
            self.spare.push((family, socket));
        }
    }
}

/// Every client talks from the address 127.0.0.1 or `::1`.
fn tuple(family: Family, peer: SocketAddr) -> Tuple {
    (family.loopback(), peer)
}
