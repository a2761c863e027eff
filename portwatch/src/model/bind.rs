use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{NetnsId, PortRange, Process};

/// A socket that asked for any port and got none, other than in a TCP connect(2), or several in a
/// row. It has no peer: what ran out is the range of its namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BindFailure {
    /// Which call failed.
    pub cause: BindCause,
    /// Network namespace.
    pub netns: NetnsId,
    /// Its ephemeral port range; none where it is not known yet, or not any more.
    pub range: Option<PortRange>,
    /// Local address that the port was to be of, the unspecified one for all. None for a line that
    /// only accounts for suppressed failures.
    pub local_ip: Option<IpAddr>,
    /// Interface index that the socket is bound to, 0 for none.
    pub bound_dev: u32,
    /// Who. None for a line that only accounts for suppressed failures.
    pub process: Option<Process>,
    /// Further failures of this cause and namespace since the last event that had no event of
    /// their own, see [`Failure::suppressed`](super::Failure::suppressed).
    pub suppressed: u64,
}

/// Which call found no free port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BindCause {
    /// TCP: bind(2) to any port, or listen(2) without bind.
    TcpBind,
    /// UDP: bind(2) to any port.
    UdpBind,
    /// UDP: connect(2) or a send without bind.
    UdpAutobind,
}

impl BindCause {
    /// Every cause.
    pub const ALL: [Self; 3] = [Self::TcpBind, Self::UdpBind, Self::UdpAutobind];

    /// Its transport protocol.
    #[must_use]
    pub const fn protocol(self) -> &'static str {
        match self {
            Self::TcpBind => "tcp",
            Self::UdpBind | Self::UdpAutobind => "udp",
        }
    }

    /// The error that the call returned.
    #[must_use]
    pub const fn errno(self) -> &'static str {
        match self {
            Self::TcpBind | Self::UdpBind => "EADDRINUSE",
            Self::UdpAutobind => "EAGAIN",
        }
    }
}

/// Binds of a namespace that found no free port, since the tracer started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindSample {
    /// Network namespace.
    pub netns: NetnsId,
    /// [`BindCause::TcpBind`].
    pub tcp_bind: u64,
    /// [`BindCause::UdpBind`].
    pub udp_bind: u64,
    /// [`BindCause::UdpAutobind`].
    pub udp_autobind: u64,
}
