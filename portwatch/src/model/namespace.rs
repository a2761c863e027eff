use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

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
    /// `tcp_tw_reuse_delay`; none before 6.14, where it is a second, and where it was not read.
    pub tw_reuse_delay: Option<Duration>,
    /// `tcp_timestamps`; none where it was not read.
    pub timestamps: Option<bool>,
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

impl Namespace {
    /// How long a connection between these addresses has been in TIME_WAIT before connect may take
    /// its port back (`tcp_twsk_unique`, net/ipv4/tcp_ipv4.c, 4.19 and later); none where it never
    /// may. The other end is taken to have TCP timestamps on. `bound_dev`: interface index that the
    /// sockets are bound to, 0 for none.
    #[must_use]
    pub fn reuse_after(&self, bound_dev: u32, ends: [IpAddr; 2]) -> Option<Duration> {
        let loopback = bound_dev == LOOPBACK_IFINDEX || ends.iter().any(IpAddr::is_loopback);
        reuses(self.tw_reuse, self.timestamps, loopback)
            .then(|| self.tw_reuse_delay.unwrap_or(REUSE_DELAY))
    }
}

/// Whether connect takes ports back from TIME_WAIT at all (`tcp_twsk_unique`, net/ipv4/tcp_ipv4.c,
/// 4.19 and later), by `tcp_tw_reuse` and `tcp_timestamps`.
pub(super) fn reuses(tw_reuse: Option<u8>, timestamps: Option<bool>, loopback: bool) -> bool {
    let allowed = match tw_reuse {
        Some(1) => true,
        Some(2) => loopback,
        _ => false,
    };
    allowed && timestamps != Some(false)
}

/// Before 6.14.
const REUSE_DELAY: Duration = Duration::from_secs(1);
/// The loopback device of every namespace (include/net/flow.h).
const LOOPBACK_IFINDEX: u32 = 1;

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
    use std::{net::IpAddr, time::Duration};

    use super::PortRange;
    use crate::model::testing::namespace;

    #[test]
    fn loopback_alone_unless_all_is_reused() {
        let ips = |text: [&str; 2]| text.map(|ip| -> IpAddr { ip.parse().unwrap() });
        let (lo, veth) = (
            ips(["127.0.0.1", "127.0.0.2"]),
            ips(["10.0.0.1", "10.0.0.2"]),
        );
        let second = Some(Duration::from_secs(1));
        for (tw_reuse, device, ends, expected) in [
            (0, 0, lo, None),
            (1, 0, veth, second),
            (2, 0, lo, second),
            (2, 0, ips(["::1", "::1"]), second),
            (2, 0, veth, None),
            (2, 1, veth, second),
        ] {
            let mut namespace = namespace();
            namespace.tw_reuse = Some(tw_reuse);
            assert_eq!(namespace.reuse_after(device, ends), expected);
        }
        let mut slow = namespace();
        slow.tw_reuse_delay = Some(Duration::from_millis(300));
        assert_eq!(slow.reuse_after(0, lo), slow.tw_reuse_delay);
        slow.timestamps = Some(false);
        assert_eq!(slow.reuse_after(0, lo), None);
    }

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
