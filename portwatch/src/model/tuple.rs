use std::{fmt, net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Headroom, NetnsId};

/// A tuple: inside it every connection needs its own local port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tuple {
    /// Network namespace.
    pub netns: NetnsId,
    /// Interface index that the sockets are bound to, 0 for none.
    pub bound_dev: u32,
    /// Local address; none where the kernel had not chosen one.
    pub local_ip: Option<IpAddr>,
    /// Peer address.
    pub peer_ip: IpAddr,
    /// Peer port.
    pub peer_port: u16,
}

/// How full a tuple is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Ports held by its autobound connections, TIME_WAIT included.
    pub used: u32,
    /// The part of `used` in TIME_WAIT.
    pub time_wait: u32,
    /// The part of `time_wait` that connect may reuse at once; none while nobody has priced it.
    pub reclaimable: Option<u32>,
    /// Ports that the tuple could use if it had no connection.
    pub capacity: u32,
    /// How many more connections it can open, by the ports themselves; none where only counts are
    /// known.
    pub room: Option<Headroom>,
}

impl Usage {
    /// How many more connections the tuple can open now.
    #[must_use]
    pub fn headroom(&self) -> Headroom {
        self.room.unwrap_or_else(|| {
            let left = self.capacity.saturating_sub(self.busy());
            Headroom {
                sure: left,
                most: left,
            }
        })
    }

    /// (used − reclaimable) / capacity. A tuple of no capacity is full.
    #[must_use]
    pub fn utilisation(&self) -> f64 {
        if self.capacity == 0 {
            return 1.0;
        }
        f64::from(self.busy()) / f64::from(self.capacity)
    }

    /// Ports that are in the way of a new connection: `used` minus what may be reused at once. By
    /// the ports themselves, where they are known: one outside of the range, or blocked beside, is
    /// not in the way once more.
    #[must_use]
    pub fn busy(&self) -> u32 {
        match self.room {
            Some(room) => self.capacity.saturating_sub(room.most),
            None => self.used.saturating_sub(self.reclaimable.unwrap_or(0)),
        }
    }
}

/// Where a tuple is heading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Net growth, ports a second; none before there are two looks to compare.
    pub rate: Option<f64>,
    /// Seconds until no port is left at that rate; none when the tuple is not filling.
    pub seconds_to_exhaustion: Option<f64>,
}

/// Connections of a tuple by TCP state, counted in one walk over the kernel's own list.
/// Indexed by the kernel's state numbers (`include/net/tcp_states.h`), 1 to 12.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct States(pub [u32; 13]);

impl States {
    /// Connections in this state.
    #[must_use]
    pub fn of(&self, state: u8) -> u32 {
        self.0.get(usize::from(state)).copied().unwrap_or(0)
    }

    /// Counts a connection in this state; none of the kernel's is beyond the array.
    pub fn add(&mut self, state: u8) {
        if let Some(count) = self.0.get_mut(usize::from(state)) {
            *count += 1;
        }
    }
}

/// One tuple at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TupleSample {
    /// Which.
    pub tuple: Tuple,
    /// How full.
    pub usage: Usage,
    /// Where to.
    pub forecast: Forecast,
    /// When the tracer saw the tuple first, by `CLOCK_MONOTONIC`; the totals begin there. None where
    /// the source is a walk.
    pub first_seen: Option<Duration>,
    /// Connection attempts since the tracer saw the tuple first, failed ones included.
    pub opened: u64,
    /// Failed attempts since the tracer saw the tuple first: ports exhausted.
    pub exhausted: u64,
    /// Failed attempts: 4-tuple of a bound port taken.
    pub conflict: u64,
    /// The longest port search since then; none where no hook measures them.
    pub slowest_search: Option<Duration>,
    /// Sockets that did not fit into the tracer's set; when not 0, `used` is too low.
    pub untracked: u32,
    /// By state, where the source is a walk.
    pub states: Option<States>,
}

impl Tuple {
    /// Whether the other is the same tuple, however much is known of its namespace.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.netns.is(&other.netns)
            && self.bound_dev == other.bound_dev
            && self.local_ip == other.local_ip
            && self.peer_ip == other.peer_ip
            && self.peer_port == other.peer_port
    }
}

impl fmt::Display for Tuple {
    /// `LOCAL -> PEER:PORT`, IPv6 peers in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.local_ip {
            Some(ip) => write!(f, "{ip}")?,
            None => f.write_str("*")?,
        }
        if self.bound_dev != 0 {
            write!(f, "%{}", self.bound_dev)?;
        }
        write!(
            f,
            " -> {}",
            std::net::SocketAddr::new(self.peer_ip, self.peer_port)
        )
    }
}

/// Sorts tuples: the fullest first, then those with more ports in use.
pub fn worst_first(samples: &mut [TupleSample]) {
    samples.sort_by(|a, b| {
        let by_utilisation = b.usage.utilisation().total_cmp(&a.usage.utilisation());
        by_utilisation
            .then_with(|| b.usage.used.cmp(&a.usage.used))
            .then_with(|| a.tuple.cmp(&b.tuple))
    });
}
