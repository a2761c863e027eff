use std::{io, net::UdpSocket, os::fd::AsRawFd};

use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Moves the calling thread into a new network namespace, loopback down. It should be a thread
/// made for this: there is no way back. The namespace goes when the thread ends.
///
/// # Errors
/// When the kernel refuses, which takes CAP_SYS_ADMIN.
pub(crate) fn enter_new_netns() -> io::Result<()> {
    // SAFETY: a network namespace of its own for this thread breaks no assumption of memory or
    // descriptors.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?;
    Ok(())
}

/// Brings up the loopback interface of the calling thread's namespace.
///
/// # Errors
/// When the kernel refuses, which takes CAP_NET_ADMIN there.
pub(crate) fn loopback_up() -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    // SAFETY: an `ifreq` is plain data, for which zeros are a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads an `ifreq`, and the socket is open.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &request) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
