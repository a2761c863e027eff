use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use super::{Forecast, Namespace, States, Tuple, TupleSample, Usage, state};

/// A TCP socket, as a walk over the kernel's list shows it. Ports in host order.
#[derive(Clone, Copy, Debug)]
pub struct SocketRow {
    /// Interface index that the socket is bound to, 0 for none.
    pub bound_dev: u32,
    /// Local address.
    pub local_ip: IpAddr,
    /// Local port.
    pub local_port: u16,
    /// Peer address.
    pub peer_ip: IpAddr,
    /// Peer port.
    pub peer_port: u16,
    /// TCP state, see [`state`].
    pub state: u8,
    /// True for the small stand-in that the kernel keeps for a socket in TIME_WAIT, and for an
    /// orphan in FIN_WAIT2 (`struct inet_timewait_sock`).
    pub time_wait: bool,
    /// Whether connect(2) chose the port; none where the source can't tell (sock_diag).
    pub autobound: Option<bool>,
}

/// Counts one namespace's connections by tuple.
///
/// Counted are the connections whose port connect(2) chose. Where the source can't tell, these
/// are taken for such: the port is in the range, and nobody listens on it. So a connection that
/// was accepted does not count, it belongs to the listener's port; but one whose port was bound
/// before connect, inside the range, does.
#[derive(Debug)]
pub struct Census<'a> {
    namespace: &'a Namespace,
    listening: HashSet<u16>,
    counts: HashMap<Key, Count>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    bound_dev: u32,
    local_ip: IpAddr,
    peer_ip: IpAddr,
    peer_port: u16,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    used: u32,
    time_wait: u32,
    states: States,
}

impl<'a> Census<'a> {
    /// Nothing counted yet. `listening` are the ports that some socket of the namespace listens
    /// on, whatever the address; they matter only to rows that can't tell how a port was chosen.
    #[must_use]
    pub fn new(namespace: &'a Namespace, listening: HashSet<u16>) -> Self {
        Self {
            namespace,
            listening,
            counts: HashMap::new(),
        }
    }

    /// Looks at one socket. A v4-mapped IPv6 socket counts for the IPv4 tuple that it is in the
    /// kernel (`tcp_v6_connect` hands it to `tcp_v4_connect`).
    pub fn add(&mut self, row: &SocketRow) {
        if !self.counts_for(row) {
            return;
        }
        let key = Key {
            bound_dev: row.bound_dev,
            local_ip: row.local_ip.to_canonical(),
            peer_ip: row.peer_ip.to_canonical(),
            peer_port: row.peer_port,
        };
        let count = self.counts.entry(key).or_default();
        count.used += 1;
        if row.time_wait || row.state == state::TIME_WAIT {
            count.time_wait += 1;
        }
        count.states.add(row.state);
    }

    /// The tuples in use, in no order.
    pub fn finish(self) -> impl Iterator<Item = TupleSample> {
        let namespace = self.namespace;
        let capacity = namespace.capacity();
        self.counts
            .into_iter()
            .map(move |(key, count)| TupleSample {
                tuple: Tuple {
                    netns: namespace.id.clone(),
                    bound_dev: key.bound_dev,
                    local_ip: Some(key.local_ip),
                    peer_ip: key.peer_ip,
                    peer_port: key.peer_port,
                },
                usage: Usage {
                    used: count.used,
                    time_wait: count.time_wait,
                    reclaimable: None,
                    capacity,
                    room: None,
                },
                forecast: Forecast::default(),
                first_seen: None,
                opened: 0,
                exhausted: 0,
                conflict: 0,
                slowest_search: None,
                untracked: 0,
                states: Some(count.states),
            })
    }

    fn counts_for(&self, row: &SocketRow) -> bool {
        let connected = !matches!(
            row.state,
            state::LISTEN | state::CLOSE | state::NEW_SYN_RECV
        );
        connected
            && row.autobound.unwrap_or_else(|| {
                self.namespace.range.contains(row.local_port)
                    && !self.listening.contains(&row.local_port)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::{Census, SocketRow, TupleSample, state};
    use crate::model::testing::namespace;

    fn row(local: (&str, u16), peer: (&str, u16), state: u8) -> SocketRow {
        SocketRow {
            bound_dev: 0,
            local_ip: local.0.parse().unwrap(),
            local_port: local.1,
            peer_ip: peer.0.parse().unwrap(),
            peer_port: peer.1,
            state,
            time_wait: state == state::TIME_WAIT,
            autobound: None,
        }
    }

    /// The range is 40000 to 40499; 40100 listens.
    fn count(rows: impl IntoIterator<Item = SocketRow>) -> Vec<TupleSample> {
        let namespace = namespace();
        let mut census = Census::new(&namespace, [40_100, 80].into());
        for row in rows {
            census.add(&row);
        }
        let mut samples: Vec<_> = census.finish().collect();
        samples.sort_by(|a, b| a.tuple.cmp(&b.tuple));
        samples
    }

    const LOCAL: &str = "10.0.0.1";
    const PEER: (&str, u16) = ("10.0.0.2", 443);

    #[test]
    fn connections_of_a_tuple_add_up() {
        let samples = count([
            row((LOCAL, 40_000), PEER, state::ESTABLISHED),
            row((LOCAL, 40_001), PEER, state::TIME_WAIT),
            row((LOCAL, 40_002), PEER, state::SYN_SENT),
            row((LOCAL, 40_499), ("10.0.0.2", 80), state::CLOSE_WAIT),
        ]);
        let seen: Vec<_> = samples
            .iter()
            .map(|s| (s.tuple.peer_port, s.usage.used, s.usage.time_wait))
            .collect();
        assert_eq!(seen, [(80, 1, 0), (443, 3, 1)]);
        assert_eq!(samples[0].usage.capacity, 500);
        let states = samples[1].states.unwrap().0;
        assert_eq!((states[1], states[2], states[6]), (1, 1, 1));
    }

    #[test]
    fn other_sockets_do_not_count() {
        let samples = count([
            row((LOCAL, 39_999), PEER, state::ESTABLISHED),
            row((LOCAL, 40_500), PEER, state::ESTABLISHED),
            row((LOCAL, 40_100), PEER, state::ESTABLISHED),
            row((LOCAL, 40_100), ("0.0.0.0", 0), state::LISTEN),
            row((LOCAL, 40_101), ("0.0.0.0", 0), state::CLOSE),
            row((LOCAL, 40_102), PEER, state::NEW_SYN_RECV),
        ]);
        assert!(samples.is_empty(), "{samples:?}");
    }

    #[test]
    fn a_source_that_knows_how_a_port_was_chosen_is_believed() {
        let mut bound = row((LOCAL, 40_000), PEER, state::ESTABLISHED);
        bound.autobound = Some(false);
        let mut beside_a_listener = row((LOCAL, 40_100), PEER, state::ESTABLISHED);
        beside_a_listener.autobound = Some(true);
        let samples = count([bound, beside_a_listener]);
        assert_eq!(samples.len(), 1);
        assert_eq!(samples[0].usage.used, 1);
    }

    #[test]
    fn mapped_sockets_join_the_ipv4_tuple_and_devices_part_tuples() {
        let mapped = row(
            ("::ffff:10.0.0.1", 40_001),
            ("::ffff:10.0.0.2", 443),
            state::ESTABLISHED,
        );
        let mut on_device = row((LOCAL, 40_002), PEER, state::ESTABLISHED);
        on_device.bound_dev = 3;
        let samples = count([
            row((LOCAL, 40_000), PEER, state::ESTABLISHED),
            mapped,
            on_device,
        ]);
        let seen: Vec<_> = samples
            .iter()
            .map(|s| (s.tuple.bound_dev, s.usage.used))
            .collect();
        assert_eq!(seen, [(0, 2), (3, 1)]);
    }

    #[test]
    fn an_orphan_in_fin_wait2_is_time_wait_too() {
        let mut orphan = row((LOCAL, 40_000), PEER, state::FIN_WAIT2);
        orphan.time_wait = true;
        let samples = count([orphan]);
        assert_eq!(samples[0].usage.time_wait, 1);
        assert_eq!(samples[0].states.unwrap().0[5], 1);
    }
}
