//! Calls that give a socket a port of the kernel's choice, connect's search of TCP aside.

use core::ffi::c_void;

use portwatch_common::RecordKind;

use crate::{
    bind::{failed, local_of},
    current,
    hooks::address::Address,
    kernel::{IPPROTO_MPTCP, IPPROTO_TCP, IPPROTO_UDP, read},
    settings::{config, offset},
    socket::{Probed, Socket},
};

pub const EAGAIN: i64 = 11;
pub const EADDRINUSE: i64 = 98;

/// `inet_csk_get_port` returns: called by bind(2), by listen(2) on a socket without a port, and by
/// MPTCP for its subflows. Not 0 is a failure: 1 in 5.10, -EADDRINUSE in 6.1 and later kernels.
#[inline(always)]
pub fn csk_get_port_returned(sk: u64, port: u16, ret: i32) {
    if ret != 0 && port == 0 {
        tcp_without_port(sk);
    }
}

/// `__inet_bind` or `__inet6_bind` returns. Those of TCP are told by the search below them.
#[inline(always)]
pub fn bind_returned(sk: u64, address: u64, ret: i32) {
    if i64::from(ret) == -EADDRINUSE
        && Probed(sk).member::<u16>(offset!(sock_sk_protocol)) == Some(IPPROTO_UDP)
    {
        bind_in_use(sk, Address::Kernel(address));
    }
}

/// `inet_autobind` returns: called by connect(2) and by sends on a socket without a port, of every
/// protocol but TCP (`no_autobind`).
#[inline(always)]
pub fn autobind_returned(sk: u64, ret: i32) {
    if i64::from(ret) == -EAGAIN {
        autobind_failed(sk);
    }
}

/// A system call returns EADDRINUSE or EAGAIN.
#[inline(always)]
pub fn call_returned(regs: *const c_void, syscall: u32, ret: i64) {
    let in_use = ret == -EADDRINUSE;
    let concerns = if in_use {
        syscall == config!(bind_syscall: u32) || syscall == config!(listen_syscall: u32)
    } else {
        syscall == config!(sendto_syscall: u32)
            || syscall == config!(sendmsg_syscall: u32)
            || syscall == config!(connect_syscall: u32)
            || syscall == config!(sendmmsg_syscall: u32)
    };
    if !concerns {
        return;
    }
    // SAFETY: the caller's tracepoint gives a `struct pt_regs`.
    let (descriptor, address): (u32, u64) = unsafe {
        (
            read(regs, offset!(pt_regs_syscall_argument0)),
            read(regs, offset!(pt_regs_argument1)),
        )
    };
    let Some(sk) = current::socket(descriptor) else {
        return;
    };
    if !in_use {
        autobind_failed(sk);
    } else if syscall == config!(bind_syscall: u32) {
        bind_in_use(sk, Address::User(address));
    } else {
        listen_in_use(sk);
    }
}

/// bind(2) got EADDRINUSE. With a port of the caller's choice that is somebody else's port, no
/// want of ports.
#[inline(never)]
fn bind_in_use(socket: u64, address: Address) -> Option<()> {
    let sk = Probed(socket);
    let start = address.start()?;
    if start.port != 0 {
        return None;
    }
    let kind = match sk.member::<u16>(offset!(sock_sk_protocol))? {
        IPPROTO_TCP | IPPROTO_MPTCP => RecordKind::TcpBind,
        IPPROTO_UDP => RecordKind::UdpBind,
        _ => return None,
    };
    let family = sk.member(offset!(sock_common_skc_family))?;
    failed(socket, kind as u32, &address.ip(family, &start)?)
}

/// listen(2) got EADDRINUSE. It asks for a port where the socket has none; where it has one,
/// somebody else listens there (`inet_csk_listen_start`).
#[inline(always)]
fn listen_in_use(sk: u64) {
    if Probed(sk).member::<u16>(offset!(sock_common_skc_num)) == Some(0) {
        tcp_without_port(sk);
    }
}

/// TCP's search found no port. The socket still has the address that it was to be bound to:
/// `__inet_bind` takes that back afterwards.
#[inline(never)]
fn tcp_without_port(socket: u64) -> Option<()> {
    let sk = Probed(socket);
    match sk.member::<u16>(offset!(sock_sk_protocol))? {
        IPPROTO_TCP | IPPROTO_MPTCP => failed(socket, RecordKind::TcpBind as u32, &local_of(sk)?),
        _ => None,
    }
}

/// connect(2) or a send got EAGAIN. A send that found its buffer full gets it, too, and has a port.
#[inline(never)]
fn autobind_failed(socket: u64) -> Option<()> {
    let sk = Probed(socket);
    if sk.member::<u16>(offset!(sock_sk_protocol))? != IPPROTO_UDP
        || sk.member::<u16>(offset!(sock_common_skc_num))? != 0
    {
        return None;
    }
    failed(socket, RecordKind::UdpAutobind as u32, &local_of(sk)?)
}
