use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// Which network namespace, as a reader recognises it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NetnsId {
    /// Name under `/run/netns` or of the container; absent where nobody gave one.
    pub name: Option<Arc<str>>,
    /// Inode number, as in `/proc/PID/ns/net`.
    pub inum: u32,
    /// Cookie, unique for the uptime of the machine; 0 where the source does not tell it.
    pub cookie: u64,
}

impl NetnsId {
    /// Whether the other is the same namespace: by cookie, where both are known by it.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        if self.cookie != 0 && other.cookie != 0 {
            return self.cookie == other.cookie;
        }
        self.inum == other.inum
    }
}

impl fmt::Display for NetnsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => write!(f, "net:[{}]", self.inum),
        }
    }
}

/// `ip_local_port_range`, both ends inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRange {
    /// First port.
    pub low: u16,
    /// Last port.
    pub high: u16,
}

/// A network namespace and what bounds its tuples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// Which.
    pub id: NetnsId,
    /// Its ephemeral port range.
    pub range: PortRange,
    /// Ports of the range in `ip_local_reserved_ports`.
    pub reserved: u32,
    /// Ports of the range that are held through bind and not reserved: no connection of any tuple
    /// gets one of them. None where nobody counted them.
    pub blocked: Option<u32>,
    /// `tcp_tw_reuse`; none where it was not read.
    pub tw_reuse: Option<u8>,
    /// Why its existing sockets could not be listed, if they could not.
    pub unreachable: Option<String>,
}

impl Namespace {
    /// Ports that a tuple without connections could use: range minus reserved minus blocked, as
    /// far as that is known.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.range
            .len()
            .saturating_sub(self.reserved)
            .saturating_sub(self.blocked.unwrap_or(0))
    }
}

impl PortRange {
    /// Whether the port lies in the range.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        (self.low..=self.high).contains(&port)
    }

    /// Number of ports.
    #[must_use]
    pub fn len(self) -> u32 {
        (u32::from(self.high) + 1).saturating_sub(u32::from(self.low))
    }

    /// The range of a socket that has its own (`IP_LOCAL_PORT_RANGE`) in a namespace of this one:
    /// an end of it counts where it lies inside (`inet_sk_get_local_port_range`). 0 is no end.
    #[must_use]
    pub fn narrowed(self, low: u16, high: u16) -> Self {
        let mut range = self;
        if range.contains(low) {
            range.low = low;
        }
        if range.contains(high) {
            range.high = high;
        }
        range
    }

    /// True for a range that holds no port.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::PortRange;

    #[test]
    fn a_sockets_own_range_counts_as_far_as_it_lies_inside() {
        let range = PortRange {
            low: 100,
            high: 199,
        };
        let narrowed = |low, high| {
            let PortRange { low, high } = range.narrowed(low, high);
            (low, high)
        };
        assert_eq!(narrowed(120, 130), (120, 130));
        assert_eq!(narrowed(0, 130), (100, 130));
        assert_eq!(narrowed(120, 0), (120, 199));
        assert_eq!(narrowed(50, 130), (100, 130));
        assert_eq!(narrowed(50, 250), (100, 199));
    }
}
