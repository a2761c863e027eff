//! The result of connect(2) itself.

use core::{ffi::c_void, mem::MaybeUninit, ptr};

use aya_ebpf::helpers::generated::bpf_probe_read_user;
use portwatch_common::{EVENT_BURST, EVENT_WINDOW_SHIFT, TupleKey, v4_mapped};

use crate::{
    atomic::decrement_u64,
    current, emit,
    kernel::{netns_key_at, now, probe, read},
    maps::{FAILED, STATS, TUPLES, count},
    settings::{config, offset},
    socket::socket_of,
    unseen,
};

/// Longest time from a failed search to the return of its connect(2). An older mark is of a search
/// inside another system call.
const FAILED_NS: u64 = 1_000_000_000;
const EADDRNOTAVAIL: i64 = 99;
const ENOMEM: i64 = 12;

/// A system call returns. Only two results of connect(2) are of interest: EADDRNOTAVAIL, which
/// confirms a failed search or, without one, tells that there was no source address; and ENOMEM,
/// which takes a failed search back: it was memory for a bind bucket that was missing.
#[inline(always)]
pub fn sys_exit(regs: *const c_void, ret: i64) {
    if ret != -EADDRNOTAVAIL && ret != -ENOMEM {
        return;
    }
    // SAFETY: the tracepoint's argument is a `struct pt_regs`.
    let syscall: u32 = unsafe { read(regs, offset!(pt_regs_syscall)) };
    if syscall != config!(connect_syscall: u32) {
        return;
    }
    // SAFETY: as above.
    let (descriptor, address): (u32, u64) = unsafe {
        (
            read(regs, offset!(pt_regs_syscall_argument0)),
            read(regs, offset!(pt_regs_argument1)),
        )
    };
    connect_returned(ret, Address::User(address), || current::socket(descriptor));
}

/// `__sys_connect_file` returns, called by connect(2) and by io_uring. The address has been copied
/// from the user's memory by then.
#[inline(always)]
pub fn connect_file_returned(file: u64, address: u64, ret: i32) {
    let ret = i64::from(ret);
    if ret == -EADDRNOTAVAIL || ret == -ENOMEM {
        connect_returned(ret, Address::Kernel(address), || socket_of(file));
    }
}

#[inline(always)]
fn connect_returned(ret: i64, address: Address, socket: impl FnOnce() -> Option<u64>) {
    let thread = current::thread();
    // SAFETY: the value is copied at once.
    let failed = unsafe { FAILED.get(&thread) }.copied();
    let recent = failed.filter(|[_, when]| now().wrapping_sub(*when) < FAILED_NS);
    let Some([slot, _]) = recent else {
        if ret == -EADDRNOTAVAIL {
            without_mark(address, socket().unwrap_or(0));
        }
        return;
    };
    let _ = FAILED.remove(&thread);
    if ret == -EADDRNOTAVAIL {
        count!(confirmed);
    } else if let Some(entry) = TUPLES.get_ptr_mut(slot as u32) {
        count!(no_memory);
        // SAFETY: `entry` points to an element of `TUPLES`.
        unsafe {
            if (*entry).exhausted > 0 {
                decrement_u64(&raw mut (*entry).exhausted);
            }
        }
    }
}

/// Where the address of a connect(2) lies.
#[derive(Clone, Copy)]
enum Address {
    /// In the running task's memory.
    User(u64),
    /// In the kernel's.
    Kernel(u64),
}

impl Address {
    /// The value so many bytes behind it.
    #[inline(always)]
    fn value<T: Copy>(self, offset: u64) -> Option<T> {
        match self {
            Self::User(address) => from_user(address + offset),
            Self::Kernel(address) => probe(address + offset),
        }
    }
}

/// The beginning that `struct sockaddr_in` and `struct sockaddr_in6` have in common. The next word
/// is the address of the former.
#[repr(C)]
#[derive(Clone, Copy)]
struct SocketAddress {
    family: u16,
    port: u16,
    address: u32,
}

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// No hook told of a failed search: there was none, or the kernel skipped them all. `socket`: 0
/// where it is not known; an option would be passed in part, which the verifier refuses.
#[inline(never)]
fn without_mark(address: Address, socket: u64) {
    if let Some((key, net)) = destination(address)
        && !unseen::returned(socket, &key, net)
    {
        no_source_address(&key);
    }
}

#[inline(always)]
fn no_source_address(key: &TupleKey) {
    let Some(stats) = STATS.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: this CPU's own element.
    unsafe {
        (*stats).no_source_address += 1;
        let window = now() >> EVENT_WINDOW_SHIFT;
        if (*stats).window != window {
            (*stats).window = window;
            (*stats).window_events = 0;
        }
        if (*stats).window_events >= u64::from(EVENT_BURST) {
            return;
        }
        (*stats).window_events += 1;
        emit::no_source_address(key, (*stats).no_source_address);
    }
}

/// Where a connect(2) wanted to go, from the address that it was given, and its `struct net`.
#[inline(always)]
fn destination(given: Address) -> Option<(TupleKey, u64)> {
    let address: SocketAddress = given.value(0)?;
    let peer = match address.family {
        AF_INET => v4_mapped(address.address),
        AF_INET6 => given.value(size_of::<SocketAddress>() as u64)?,
        _ => return None,
    };
    let net = current::net()?;
    let key = TupleKey {
        netns: netns_key_at(net)?,
        local: [0; 2],
        peer,
        bound_dev: 0,
        peer_port: u16::from_be(address.port),
        reserved: 0,
    };
    Some((key, net))
}

/// A value of the running task's memory.
#[inline(always)]
fn from_user<T: Copy>(address: u64) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the helper writes exactly the size of `T`, or fails, whatever the address is.
    let result = unsafe {
        bpf_probe_read_user(
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            ptr::with_exposed_provenance(address as usize),
        )
    };
    // SAFETY: filled when the helper returned 0.
    (result == 0).then(|| unsafe { value.assume_init() })
}
