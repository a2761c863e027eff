//! The result of connect(2) itself.

use core::ffi::c_void;

use portwatch_common::{EVENT_BURST, EVENT_WINDOW_SHIFT, RecordKind, TupleKey};

use crate::{
    atomic::decrement_u64,
    current, emit,
    hooks::{
        address::Address,
        bind::{self, EADDRINUSE, EAGAIN},
    },
    kernel::{netns_key_at, now, read},
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
const NO_ADDRESS: i64 = -EADDRNOTAVAIL;
const NO_MEMORY: i64 = -ENOMEM;
const IN_USE: i64 = -EADDRINUSE;
const AGAIN: i64 = -EAGAIN;

/// A system call returns. Two results of connect(2) are of interest: EADDRNOTAVAIL, which
/// confirms a failed search or, without one, tells that there was no source address; and ENOMEM,
/// which takes a failed search back: it was memory for a bind bucket that was missing. Two results
/// of other calls may tell of a bind without a free port.
#[inline(always)]
pub fn sys_exit(regs: *const c_void, ret: i64) {
    // Every system call of the machine comes here: one that succeeds, or fails with a smaller
    // number, costs one comparison.
    if !(-EADDRNOTAVAIL..=-EAGAIN).contains(&ret) {
        return;
    }
    if !matches!(ret, NO_ADDRESS | NO_MEMORY | IN_USE | AGAIN) {
        return;
    }
    // SAFETY: the tracepoint's argument is a `struct pt_regs`.
    let syscall: u32 = unsafe { read(regs, offset!(pt_regs_syscall)) };
    if ret == IN_USE || ret == AGAIN {
        bind::call_returned(regs, syscall, ret);
        return;
    }
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
        let kind = RecordKind::NoSourceAddress as u32;
        emit::emit_failure(kind, key, (*stats).no_source_address);
    }
}

/// Where a connect(2) wanted to go, from the address that it was given, and its `struct net`.
#[inline(always)]
fn destination(given: Address) -> Option<(TupleKey, u64)> {
    let start = given.start()?;
    let peer = given.ip(start.family, &start)?;
    let net = current::net()?;
    let key = TupleKey {
        netns: netns_key_at(net)?,
        local: [0; 2],
        peer,
        bound_dev: 0,
        peer_port: u16::from_be(start.port),
        reserved: 0,
    };
    Some((key, net))
}
