//! The connections that a start of the tracer makes to prove its hooks, in a namespace of their own
//! with a range of one port. They are nobody's news, also to another portwatch that runs already.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where those over IPv4 lead: a loopback address that nobody else has a reason to use.
pub const PEER: Ipv4Addr = Ipv4Addr::new(127, 80, 87, 84);
/// Port of the listener, of either family.
pub const PEER_PORT: u16 = 40_001;
/// What those over IPv6, which has one loopback address only, are bound to: the loopback interface, by
/// its index (`LOOPBACK_IFINDEX`, `include/net/flow.h`).
pub const DEVICE_V6: u32 = 1;

/// Whether a tuple is that of a trial, this process's or another's.
#[must_use]
pub fn is_trial(peer_ip: IpAddr, peer_port: u16, bound_dev: u32) -> bool {
    peer_port == PEER_PORT
        && match peer_ip {
            IpAddr::V4(peer) => peer == PEER,
            IpAddr::V6(peer) => peer == Ipv6Addr::LOCALHOST && bound_dev == DEVICE_V6,
        }
}

#[cfg(test)]
mod tests {
    use super::{DEVICE_V6, PEER, PEER_PORT, is_trial};

    #[test]
    fn others_are_news() {
        let ip = |text: &str| text.parse().unwrap();
        assert!(is_trial(PEER.into(), PEER_PORT, 0));
        assert!(is_trial(ip("::1"), PEER_PORT, DEVICE_V6));
        assert!(!is_trial(PEER.into(), 443, 0));
        assert!(!is_trial(ip("127.0.0.1"), PEER_PORT, 0));
        assert!(!is_trial(ip("::1"), PEER_PORT, 0));
        assert!(!is_trial(ip("::1"), 443, DEVICE_V6));
        assert!(!is_trial(ip("fe80::1"), PEER_PORT, DEVICE_V6));
    }
}
