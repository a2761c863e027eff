//! Which local address and which device connect(2) would take, in the calling thread's namespace.

use std::{
    ffi::CString,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    os::fd::AsRawFd,
};

/// `SO_BINDTOIFINDEX`, include/uapi/asm-generic/socket.h, since 5.1.
const SO_BINDTOIFINDEX: libc::c_int = 62;

/// The source address of the route to a peer. Nothing is sent: it is a UDP socket that is connected.
///
/// # Errors
/// When there is no route.
pub fn source_towards(peer: SocketAddr, bound_dev: u32) -> io::Result<IpAddr> {
    let any: IpAddr = match peer.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    if bound_dev != 0 {
        bind_to_device(&socket, bound_dev)?;
    }
    // To a port that exists: UDP can't be connected to port 0.
    let port = peer.port().max(1);
    socket.connect(SocketAddr::new(peer.ip(), port))?;
    Ok(socket.local_addr()?.ip().to_canonical())
}

/// The index of a device by its name or index; none where there is no such device.
#[must_use]
pub fn device_index(name: &str) -> Option<u32> {
    let known = CString::new(name).ok().map(|name| {
        // SAFETY: a string that ends with zero and lives through the call.
        unsafe { libc::if_nametoindex(name.as_ptr()) }
    });
    known
        .filter(|index| *index != 0)
        .or_else(|| name.parse().ok().filter(|index| *index != 0))
}

fn bind_to_device(socket: &UdpSocket, index: u32) -> io::Result<()> {
    // SAFETY: the value lives through the call and is as long as told.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_BINDTOIFINDEX,
            (&raw const index).cast(),
            size_of::<u32>() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
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
            let peer = "127.0.0.9:80".parse().unwrap();
            let source = source_towards(peer, 1).unwrap();
            let far = source_towards("192.0.2.1:80".parse().unwrap(), 0);
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
