use std::{
    collections::{BTreeSet, HashSet},
    net::IpAddr,
};

use crate::model::{PortSet, SocketRow, States, Tuple, state};

/// What one look at a namespace's sockets tells about a tuple.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Ports of the tuple's live connections.
    pub live: PortSet,
    /// Ports of its connections in TIME_WAIT.
    pub time_wait: PortSet,
    /// Its connections by state.
    pub states: States,
    /// Addresses that have connections at the tuple's peer port.
    pub peers: HashSet<IpAddr>,
    /// Local addresses of those connections.
    pub local_addresses: HashSet<IpAddr>,
    /// Ports that somebody listens on.
    pub listeners: BTreeSet<u16>,
}

impl Look {
    /// Takes a socket of the tuple's namespace in.
    pub fn add(&mut self, tuple: &Tuple, row: &SocketRow) {
        match row.state {
            state::LISTEN => {
                self.listeners.insert(row.local_port);
            }
            state::CLOSE | state::NEW_SYN_RECV => {}
            _ if row.peer_port == tuple.peer_port => {
                let (local, peer) = (row.local_ip.to_canonical(), row.peer_ip.to_canonical());
                self.peers.insert(peer);
                self.local_addresses.insert(local);
                if row.is_of(tuple) {
                    self.states.add(row.state);
                    if row.time_wait || row.state == state::TIME_WAIT {
                        self.time_wait.insert(row.local_port);
                    } else {
                        self.live.insert(row.local_port);
                    }
                }
            }
            _ => {}
        }
    }
}

impl SocketRow {
    /// Whether the socket is one of the tuple's.
    #[must_use]
    pub fn is_of(&self, tuple: &Tuple) -> bool {
        Some(self.local_ip.to_canonical()) == tuple.local_ip
            && self.peer_ip.to_canonical() == tuple.peer_ip
            && self.peer_port == tuple.peer_port
            && self.bound_dev == tuple.bound_dev
    }
}

#[cfg(test)]
mod tests {
    use super::{Look, SocketRow, state};
    use crate::model::testing::tuple;

    fn row(local_port: u16, peer: (&str, u16), state: u8) -> SocketRow {
        SocketRow {
            bound_dev: 0,
            local_ip: "10.0.0.1".parse().unwrap(),
            local_port,
            peer_ip: peer.0.parse().unwrap(),
            peer_port: peer.1,
            state,
            time_wait: state == state::TIME_WAIT,
            autobound: None,
        }
    }

    fn look(rows: &[SocketRow]) -> Look {
        let mut look = Look::default();
        for row in rows {
            look.add(&tuple("10.0.0.1", "10.0.0.9", 443), row);
        }
        look
    }

    const PEER: (&str, u16) = ("10.0.0.9", 443);

    #[test]
    fn a_look_tells_the_tuple_from_what_is_beside_it() {
        let look = look(&[
            row(40_000, PEER, state::ESTABLISHED),
            row(40_001, PEER, state::SYN_SENT),
            row(40_002, PEER, state::TIME_WAIT),
            row(40_003, ("10.0.0.8", 443), state::ESTABLISHED),
            row(40_004, ("10.0.0.9", 80), state::ESTABLISHED),
            row(9090, ("0.0.0.0", 0), state::LISTEN),
        ]);
        assert_eq!(look.live.to_string(), "40000-40001");
        assert_eq!(look.time_wait.to_string(), "40002");
        assert_eq!(look.states.0[..7], [0, 1, 1, 0, 0, 0, 1]);
        assert_eq!((look.peers.len(), look.local_addresses.len()), (2, 1));
        assert!(look.listeners.iter().eq(&[9090]));
    }
}
