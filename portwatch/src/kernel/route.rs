//! Which local address and which device connect(2) would take, in the calling thread's namespace.

use std::{
    ffi::CString,
    io,
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
};

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, connect, getsockname, ipproto, socket_with,
};

/// `SO_BINDTOIFINDEX`, include/uapi/asm-generic/socket.h, since 5.1.
const SO_BINDTOIFINDEX: libc::c_int = 62;

/// The source address of the route to a peer. Nothing is sent. It is a raw socket that is connected
/// (CAP_NET_RAW): one of UDP would need a port, and there may be none.
///
/// # Errors
/// When there is no route.
pub fn source_towards(peer: IpAddr, bound_dev: u32) -> io::Result<IpAddr> {
    let family = match peer {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    };
    let (flags, protocol) = (SocketFlags::CLOEXEC, Some(ipproto::RAW));
    let socket = socket_with(family, SocketType::RAW, flags, protocol)?;
    if bound_dev != 0 {
        bind_to_device(socket.as_fd(), bound_dev)?;
    }
    connect(&socket, &SocketAddr::new(peer, 0))?;
    let own = SocketAddr::try_from(getsockname(&socket)?)?;
    Ok(own.ip().to_canonical())
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

fn bind_to_device(socket: BorrowedFd<'_>, index: u32) -> io::Result<()> {
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
