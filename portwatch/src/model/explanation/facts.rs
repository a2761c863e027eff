use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::{Blocker, Forecast, Hold, Owner, PortRange, Usage, namespace};

/// What is known of a tuple and of what it shares ports with. What nobody has read is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Peer address of the tuple; none where the ports go to many.
    pub peer_ip: Option<IpAddr>,
    /// Peer port.
    pub peer_port: Option<u16>,
    /// What the tuple's own connections hold.
    pub usage: Usage,
    /// Where the tuple is heading.
    pub forecast: Forecast,
    /// Ephemeral port range of the namespace.
    pub range: PortRange,
    /// All of `ip_local_reserved_ports`, inside and outside of the range.
    pub reserved: Option<Vec<PortRange>>,
    /// Who holds ports of the range through bind.
    pub blocked: Option<Vec<BindHolder>>,
    /// Who opens the tuple's connections.
    pub process: Option<Stranger>,
    /// Peer addresses that have connections at the same port.
    pub peers: Option<u32>,
    /// Local addresses of those connections.
    pub local_addresses: Option<u32>,
    /// What the live connections did of late.
    pub live_trend: Option<LiveTrend>,
    /// Failed attempts of late.
    pub failures: Failures,
    /// Failures that somebody else saw and this kernel did not make: what an application reports,
    /// or the failure that a user wants explained.
    pub failed_elsewhere: Option<u64>,
    /// `tcp_tw_reuse`: 0 never, 1 always, 2 on loopback.
    pub tw_reuse: Option<u8>,
    /// Whether the connections carry TCP timestamps.
    pub timestamps: Option<bool>,
    /// Whether they stay on the loopback device.
    pub loopback: bool,
    /// Ports from 1024 on, outside of the range, that somebody listens on.
    pub listeners: Option<Vec<u16>>,
    /// What to put before a command so that it acts in the tuple's namespace, `ip netns exec web1`,
    /// quoted for a shell; none for the namespace of the reader's own.
    pub enter: Option<String>,
}

/// A process, as a reader finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stranger {
    /// Process id (thread group).
    pub pid: u32,
    /// Command name.
    pub comm: String,
}

/// Holds ports of the range through bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindHolder {
    /// How.
    pub kind: HolderKind,
    /// Who, where a process has the sockets.
    pub process: Option<Stranger>,
    /// How many ports.
    pub ports: u32,
}

impl BindHolder {
    /// From the group that it is; none where nobody saw how the ports are held.
    #[must_use]
    pub fn of(blocker: &Blocker) -> Option<Self> {
        Some(Self {
            kind: match blocker.hold {
                Hold::Listener | Hold::Accepted => HolderKind::Listener,
                Hold::BindBeforeConnect => HolderKind::BoundBeforeConnect,
                Hold::Idle => HolderKind::Idle,
                Hold::TimeWait => HolderKind::TimeWait,
                Hold::Unknown => return None,
            },
            process: Stranger::of(&blocker.owner),
            ports: u32::try_from(blocker.ports.len()).unwrap_or(u32::MAX),
        })
    }
}

impl Stranger {
    /// The owner, where it is a process.
    #[must_use]
    pub fn of(owner: &Owner) -> Option<Self> {
        match owner {
            Owner::Process { pid, comm } => Some(Self {
                pid: *pid,
                comm: comm.clone(),
            }),
            Owner::Nobody | Owner::Unknown => None,
        }
    }
}

/// How a port is held through bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HolderKind {
    /// Somebody listens on it, or accepted connections of a listener are left.
    Listener,
    /// It was bound before connect, to port 0 or to a port of choice.
    BoundBeforeConnect,
    /// It is bound, and nothing else.
    Idle,
    /// Such a connection is in TIME_WAIT.
    TimeWait,
}

/// How the live connections of a tuple came and went during a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveTrend {
    /// Opened, a second.
    pub opened: f64,
    /// Net growth of the live connections, a second.
    pub growth: f64,
}

/// Failed attempts, by cause and path. None where that path is not watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// connect(2), EADDRNOTAVAIL: ports exhausted.
    pub connect: Option<u64>,
    /// bind(2) to port 0, EADDRINUSE.
    pub bind: Option<u64>,
    /// connect(2) or sendto(2) of UDP, EAGAIN.
    pub udp: Option<u64>,
    /// connect(2), EADDRNOTAVAIL: the bound port has this connection already.
    pub conflict: Option<u64>,
    /// connect(2), EADDRNOTAVAIL: no source address.
    pub no_source_address: Option<u64>,
}

impl Failures {
    /// Those for want of a port, whatever the path.
    #[must_use]
    pub fn exhausted(&self) -> u64 {
        let paths = [self.connect, self.bind, self.udp];
        paths.into_iter().flatten().fold(0, u64::saturating_add)
    }
}

impl Facts {
    /// Live connections of the tuple.
    #[must_use]
    pub fn live(&self) -> u32 {
        self.usage.used.saturating_sub(self.usage.time_wait)
    }

    /// Ports in TIME_WAIT that are in the way of a new connection, those blocked for all included.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        let own = self.usage.time_wait.saturating_sub(self.reclaimable());
        own.saturating_add(self.blocked_by(|kind| kind == HolderKind::TimeWait))
    }

    /// Ports in TIME_WAIT that connect may reuse; while nobody has counted them, all or none.
    pub(super) fn reclaimable(&self) -> u32 {
        let all = if self.reuses() {
            self.usage.time_wait
        } else {
            0
        };
        self.usage.reclaimable.unwrap_or(all)
    }

    /// Whether connect takes ports back from TIME_WAIT, after a second (`tcp_twsk_unique`,
    /// net/ipv4/tcp_ipv4.c, 4.19 and later).
    pub(super) fn reuses(&self) -> bool {
        namespace::reuses(self.tw_reuse, self.timestamps, self.loopback)
    }

    /// Ports that sockets of processes hold through bind.
    #[must_use]
    pub fn stolen(&self) -> u32 {
        self.blocked_by(|kind| kind != HolderKind::TimeWait)
    }

    /// Whether connections bound before connect fill the range with TIME_WAIT.
    pub(super) fn waits_bound(&self) -> bool {
        self.failures.bind.is_some_and(|failed| failed > 0)
            || self.blocked_by(|kind| kind == HolderKind::TimeWait) > 0
    }

    /// Ports of the range that are not reserved; all of it where that is not known.
    #[must_use]
    pub fn usable(&self) -> u32 {
        let reserved = self.reserved.as_deref().unwrap_or_default();
        let free = (self.range.low..=self.range.high)
            .filter(|port| !reserved.iter().any(|range| range.contains(*port)));
        u32::try_from(free.count()).unwrap_or(u32::MAX)
    }

    /// Ports blocked by one kind of holders.
    pub(super) fn blocked_by(&self, kind: impl Fn(HolderKind) -> bool) -> u32 {
        let holders = self.blocked.iter().flatten();
        let ports = holders.filter(|holder| kind(holder.kind));
        ports.fold(0, |sum, holder| sum.saturating_add(holder.ports))
    }
}
