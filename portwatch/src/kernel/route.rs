//! Which local address and which device connect(2) would take, in the calling thread's namespace: asked
//! of rtnetlink(7), which takes no privilege, no port and no packet.

use std::{io, net::IpAddr, time::Duration};

use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    link::{LinkAttribute, LinkMessage},
    route::{RouteAddress, RouteAttribute, RouteMessage},
};
use rustix::net::{
    AddressFamily as SocketFamily, RecvFlags, SendFlags, SocketFlags, SocketType,
    netlink::SocketAddrNetlink,
    recv, sendto, socket_with,
    sockopt::{Timeout, set_socket_timeout},
};

/// Larger than what the kernel says of one route or one device.
const BUFFER: usize = 1 << 16;
/// Bound of the wait for an answer, which the kernel makes within the call.
const PATIENCE: Duration = Duration::from_secs(10);

/// The source address of the route to a peer. Nothing is sent.
///
/// # Errors
/// When there is no route.
pub fn source_towards(peer: IpAddr, bound_dev: u32) -> io::Result<IpAddr> {
    let mut question = RouteMessage::default();
    (
        question.header.address_family,
        question.header.destination_prefix_length,
    ) = match peer {
        IpAddr::V4(_) => (AddressFamily::Inet, 32),
        IpAddr::V6(_) => (AddressFamily::Inet6, 128),
    };
    let attributes = &mut question.attributes;
    attributes.push(RouteAttribute::Destination(peer.into()));
    if bound_dev != 0 {
        attributes.push(RouteAttribute::Oif(bound_dev));
    }
    let RouteNetlinkMessage::NewRoute(route) = ask(RouteNetlinkMessage::GetRoute(question))? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let source = route
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::PrefSource(RouteAddress::Inet(ip)) => Some((*ip).into()),
            RouteAttribute::PrefSource(RouteAddress::Inet6(ip)) => Some((*ip).into()),
            _ => None,
        });
    source.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// The index of a device by its name or index; none where there is no such device.
#[must_use]
pub fn device_index(name: &str) -> Option<u32> {
    named(name).or_else(|| name.parse().ok().filter(|index| *index != 0))
}

fn named(name: &str) -> Option<u32> {
    // The kernel takes a name up to its first zero, and none for a question about all.
    if name.is_empty() || name.contains('\0') {
        return None;
    }
    let mut question = LinkMessage::default();
    let attributes = &mut question.attributes;
    attributes.push(LinkAttribute::IfName(name.to_owned()));
    match ask(RouteNetlinkMessage::GetLink(question)).ok()? {
        RouteNetlinkMessage::NewLink(link) => Some(link.header.index),
        _ => None,
    }
}

/// Asks a question that has one answer.
fn ask(question: RouteNetlinkMessage) -> io::Result<RouteNetlinkMessage> {
    let (flags, kind) = (SocketFlags::CLOEXEC, SocketType::RAW);
    // NETLINK_ROUTE is 0, which is no protocol to name.
    let fd = socket_with(SocketFamily::NETLINK, kind, flags, None)?;
    set_socket_timeout(&fd, Timeout::Recv, Some(PATIENCE))?;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(question));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    let kernel = SocketAddrNetlink::new(0, 0);
    sendto(&fd, &bytes, SendFlags::empty(), &kernel)?;
    let mut buffer = vec![0; BUFFER];
    let (length, _) = recv(&fd, &mut *buffer, RecvFlags::empty())?;
    let answer = buffer.get(..length).unwrap_or_default();
    let answer = NetlinkMessage::deserialize(answer).map_err(io::Error::other)?;
    match answer.payload {
        NetlinkPayload::InnerMessage(answer) => Ok(answer),
        NetlinkPayload::Error(error) => Err(error.to_io()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{device_index, source_towards};
    use crate::kernel::netns::{fixture::in_new_netns, loopback_up};

    #[test]
    fn loopback_is_its_own_source() {
        let (source, device, none) = in_new_netns(|| {
            loopback_up().unwrap();
            // No port is needed.
            let range = "/proc/sys/net/ipv4/ip_local_port_range";
            std::fs::write(range, "40000 40000").unwrap();
            let reserved = "/proc/sys/net/ipv4/ip_local_reserved_ports";
            std::fs::write(reserved, "40000").unwrap();
            let source = source_towards("127.0.0.9".parse().unwrap(), 1).unwrap();
            let v6 = source_towards("::1".parse().unwrap(), 0).unwrap();
            assert_eq!(v6.to_string(), "::1");
            let far = source_towards("192.0.2.1".parse().unwrap(), 0);
            (source, device_index("lo"), far.is_err())
        });
        assert_eq!(source.to_string(), "127.0.0.1");
        assert_eq!(device, Some(1));
        assert!(none);
        assert_eq!(device_index("7"), Some(7));
        for name in ["no-such-device", "0", "", "a\0b"] {
            assert_eq!(device_index(name), None, "{name:?}");
        }
    }
}
