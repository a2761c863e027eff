//! The `tracepoint` hook set.

use core::{ffi::c_void, mem::MaybeUninit, ptr};

use aya_ebpf::helpers::generated::{
    bpf_get_smp_processor_id, bpf_probe_read_user, bpf_skc_to_tcp_sock,
};
use portwatch_common::{Class, Phase, RecordKind, Tracked, TupleKey, v4_mapped};

use crate::{
    accounting::{alarm, enter, fail, leave},
    atomic::{decrement_u64, increment_u64},
    current, emit,
    kernel::{IPPROTO_TCP, TimeWait, autobound, locate, netns_key, now, probe, read, state},
    maps::{ENDING, ENDING_CPUS, FAILED, HANDLED, SOCKETS, STATS, TUPLES, count},
    settings::{config, offset},
};

/// Longest time from a failed search to the return of its connect(2). An older mark is of a search
/// inside another system call.
const FAILED_NS: u64 = 1_000_000_000;
const EADDRNOTAVAIL: i64 = 99;
const ENOMEM: i64 = 12;

/// `inet_sock_set_state`, fired by `tcp_set_state` and for request sockets.
#[inline(always)]
pub fn set_state(sk: *const c_void, old: i32, new: i32) {
    if !matters(old, new) {
        return;
    }
    if let Some(handled) = HANDLED.get_ptr_mut(0) {
        // SAFETY: this CPU's own element. An interrupt that writes its own change here makes the
        // second program do this one's work again, which changes nothing.
        unsafe { *handled = [sk as u64, new as u64] };
    }
    change(sk, old, new);
}

/// Runs right behind [`set_state`] and does its work if that was skipped.
#[inline(always)]
pub fn set_state_again(sk: *const c_void, old: i32, new: i32) {
    if !matters(old, new) {
        return;
    }
    if let Some(handled) = HANDLED.get_ptr_mut(0) {
        let handled = handled.cast::<u64>();
        // SAFETY: as in `set_state`. The two comparisons stay two: folded into one they would be
        // arithmetic on a pointer, which the verifier refuses.
        unsafe {
            if handled.read_volatile() == sk as u64 && handled.add(1).read_volatile() == new as u64
            {
                handled.write_volatile(0);
                return;
            }
        }
    }
    change(sk, old, new);
}

/// Whether a change of state concerns a connection that connect(2) makes.
#[inline(always)]
const fn matters(old: i32, new: i32) -> bool {
    new == state::SYN_SENT || new == state::CLOSE || old == state::SYN_SENT
}

#[inline(always)]
fn change(sk: *const c_void, old: i32, new: i32) {
    match (old, new) {
        (_, state::SYN_SENT) => connecting(sk),
        (state::SYN_SENT, state::CLOSE) => connect_ended(sk),
        (_, state::CLOSE) => {
            leave(sk as u64);
        }
        (state::SYN_SENT, _) => connected(sk),
        _ => {}
    }
}

/// `tcp_v4_connect` and `tcp_v6_connect` set SYN_SENT before the port search, with the tuple
/// complete and the port still open.
#[inline(always)]
fn connecting(sk: *const c_void) {
    // SAFETY: the tracepoint's argument is a `struct sock`; the helper checks for TCP itself and
    // returns a `struct tcp_sock` or null.
    unsafe {
        let tcp: *const c_void = bpf_skc_to_tcp_sock(sk.cast_mut()).cast();
        if tcp.is_null() || read::<u16>(sk, offset!(sock_sk_protocol)) != IPPROTO_TCP {
            return;
        }
        let Some(located) = locate(sk) else { return };
        let port: u16 = read(sk, offset!(sock_common_skc_num));
        let class = if port == 0 {
            Class::Autobound
        } else {
            Class::Bound
        };
        let tracked = Tracked {
            tuple: 0,
            generation: 0,
            write_seq: read(tcp, offset!(tcp_sock_write_seq)),
            local_port: read(tcp, offset!(inet_sock_inet_sport)),
            phase: Phase::Connecting as u8,
            class: class as u8,
        };
        let socket = sk as u64;
        let mut entered = enter(socket, &located, tracked);
        if entered.is_none() {
            if SOCKETS
                .get(&socket)
                .is_some_and(|it| it.same_attempt(&tracked))
            {
                return;
            }
            if leave(socket).is_some() {
                // The address belonged to a socket whose end was missed.
                count!(stale_replaced);
                entered = enter(socket, &located, tracked);
            }
        }
        let Some(tuple) = entered else { return };
        if port == 0 {
            increment_u64(&raw mut (*tuple.entry).opened);
            alarm(tuple);
        }
    }
}

/// SYN_SENT to ESTABLISHED or SYN_RECV: the local port is known.
#[inline(always)]
fn connected(sk: *const c_void) {
    // SAFETY: the tracepoint's argument is a `struct sock`.
    let port: u16 = unsafe { read(sk, offset!(sock_common_skc_num)) };
    if let Some(tracked) = SOCKETS.get_ptr_mut(&(sk as u64)) {
        // SAFETY: the entry stays while the socket's lock is held, which this transition needs.
        unsafe {
            (*tracked).local_port = port;
            (*tracked).phase = Phase::Live as u8;
        }
        return;
    }
    heal(sk, port);
}

/// Takes in a connection whose begin was missed.
#[inline(never)]
fn heal(sk: *const c_void, port: u16) {
    // SAFETY: as in `connecting`.
    unsafe {
        let tcp: *const c_void = bpf_skc_to_tcp_sock(sk.cast_mut()).cast();
        if tcp.is_null() || !autobound(tcp) {
            return;
        }
        let Some(located) = locate(sk) else { return };
        if enter(sk as u64, &located, Tracked::new(port, Phase::Live)).is_some() {
            count!(healed);
        }
    }
}

/// SYN_SENT to CLOSE: refused, timed out, given up, or never sent.
///
/// A search that found nothing leaves the source port and the sequence number as they were. The
/// port alone would not do: a socket used again may get the port that it had before and fail for
/// another reason. But before any such failure `tcp_connect` has built the SYN, which takes a
/// sequence number.
#[inline(always)]
fn connect_ended(sk: *const c_void) {
    let Some((tuple, tracked)) = leave(sk as u64) else {
        return;
    };
    if tracked.phase != Phase::Connecting as u8 {
        return;
    }
    // SAFETY: as in `connecting`.
    unsafe {
        let tcp: *const c_void = bpf_skc_to_tcp_sock(sk.cast_mut()).cast();
        if tcp.is_null()
            || read::<u16>(tcp, offset!(inet_sock_inet_sport)) != tracked.local_port
            || read::<u32>(tcp, offset!(tcp_sock_write_seq)) != tracked.write_seq
        {
            return;
        }
    }
    let (kind, port) = if tracked.class == Class::Bound as u8 {
        (RecordKind::Conflict, u16::from_be(tracked.local_port))
    } else {
        (RecordKind::Exhausted, 0)
    };
    let _ = FAILED.insert(current::thread(), [u64::from(tuple.slot), now()], 0);
    fail(tuple, kind, port);
}

/// A timer is armed. When it is that of a TIME_WAIT mini-socket, its connection has just become
/// one (`inet_twsk_hashdance_schedule`); `timer_cancel` follows when it ends, for whatever reason.
#[inline(always)]
pub fn timer_start(timer: *const c_void) {
    let Some(address) = time_wait_of(timer) else {
        return;
    };
    let Some(mini) = TimeWait::at(address) else {
        return;
    };
    if !mini.autobound() {
        return;
    }
    let Some(located) = mini.locate() else { return };
    // No alarm here: for some microseconds the connection and its mini-socket are both counted.
    enter(
        address,
        &located,
        Tracked::new(mini.local_port(), Phase::TimeWait),
    );
}

/// A timer is taken from the wheel: cancelled, or about to expire.
#[inline(always)]
pub fn timer_cancel(timer: *const c_void) {
    let Some(address) = time_wait_of(timer) else {
        return;
    };
    // SAFETY: a helper without arguments.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    if let Some(ending) = ENDING.get_ptr_mut(cpu % ENDING_CPUS) {
        // SAFETY: an element of the array; a reader compares the word as a whole.
        unsafe { ending.write_volatile(address) };
    }
    leave(address);
}

/// The mini-socket that a timer belongs to, if it is one's.
#[inline(always)]
fn time_wait_of(timer: *const c_void) -> Option<u64> {
    // SAFETY: the tracepoint's argument is a `struct timer_list`.
    let function: u64 = unsafe { read(timer, offset!(timer_list_function)) };
    (function == config!(tw_timer_handler: u64))
        .then(|| timer as u64 - u64::from(offset!(inet_timewait_sock_tw_timer)))
}

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
    let thread = current::thread();
    // SAFETY: the value is copied at once.
    let failed = unsafe { FAILED.get(&thread) }.copied();
    let recent = failed.filter(|[_, when]| now().wrapping_sub(*when) < FAILED_NS);
    let Some([slot, _]) = recent else {
        if ret == -EADDRNOTAVAIL {
            // SAFETY: as above.
            no_source_address(unsafe { read(regs, offset!(pt_regs_argument1)) });
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

#[inline(never)]
fn no_source_address(user_address: u64) {
    let Some(key) = destination(user_address) else {
        return;
    };
    let Some(stats) = STATS.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: this CPU's own element.
    unsafe {
        (*stats).no_source_address += 1;
        let now = now();
        if now.wrapping_sub((*stats).window_ns) >= portwatch_common::EVENT_WINDOW_NS {
            (*stats).window_ns = now;
            (*stats).window_events = 0;
        }
        if (*stats).window_events >= u64::from(portwatch_common::EVENT_BURST) {
            return;
        }
        (*stats).window_events += 1;
        emit::no_source_address(&key, (*stats).no_source_address);
    }
}

/// Where a connect(2) wanted to go, from the address that it was given.
#[inline(always)]
fn destination(user_address: u64) -> Option<TupleKey> {
    let address: SocketAddress = from_user(user_address)?;
    let peer = match address.family {
        AF_INET => v4_mapped(address.address),
        AF_INET6 => from_user(user_address + size_of::<SocketAddress>() as u64)?,
        _ => return None,
    };
    let net = current::net()?;
    let cookie: u64 = probe(net + u64::from(offset!(net_net_cookie)))?;
    let inum: u32 = probe(net + u64::from(offset!(net_ns_inum)))?;
    Some(TupleKey {
        netns: netns_key(cookie, inum),
        local: [0; 2],
        peer,
        bound_dev: 0,
        peer_port: u16::from_be(address.port),
        reserved: 0,
    })
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
