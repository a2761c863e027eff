//! TIME_WAIT by the tracepoints of the mini-sockets' timers.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_get_smp_processor_id;
use portwatch_common::{Class, Phase, Tracked};

use crate::{
    accounting::{enter, insert, leave},
    kernel::{probe, read, time_wait_armed},
    maps::{ENDING, ENDING_CPUS, SOCKETS, TIMERS, TUPLE_SLOTS},
    settings::{config, offset},
    socket::TimeWait,
};

/// Mini-sockets that a CPU remembers until their connections close.
const ARMED: usize = 8;

/// What a CPU remembers of the last timers of mini-sockets.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Timers {
    /// The mini-sockets whose timers were armed last, each with its local port, until their
    /// connections close. More than one, because interrupts can make others before a connection
    /// closes that has become one.
    armed: [[u64; 2]; ARMED],
    /// Where the next of them goes.
    next: u64,
    /// The mini-socket whose timer was cancelled last, and how it stood in the set.
    cancelled: u64,
    tracked: Tracked,
}

/// A timer is armed. When it is that of a TIME_WAIT mini-socket, its connection has just become
/// one (`inet_twsk_hashdance_schedule`); [`cancelled`] follows when it ends, for whatever reason.
///
/// Its connection closes some instructions later on the same CPU, which tells who opened it. Up to
/// 6.10 the timer was armed before the mini-socket had its bind bucket, which tells who chose the
/// port: what stands in its place is left over from an earlier use of the memory. There the
/// mini-socket enters the set when its connection closes.
#[inline(always)]
pub fn armed(timer: *const c_void) {
    let Some(address) = time_wait_of(timer) else {
        return;
    };
    let Some(timers) = TIMERS.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: this CPU's own element; timers of mini-sockets are changed with interrupts off.
    unsafe {
        if (*timers).cancelled == address {
            (*timers).cancelled = 0;
            let tracked = (*timers).tracked;
            if is(address, &tracked) {
                insert(address, tracked.tuple, tracked);
                return;
            }
        }
        if config!(time_wait_at_close: u32) != 0 {
            // The memory of the mini-socket that ended last is the first to be used again.
            forget_end(address);
            let port = probe::<u16>(address + u64::from(offset!(sock_common_skc_num)));
            remember(timers, address, port.unwrap_or(0));
            return;
        }
        if let Some(port) = enter_complete(address) {
            remember(timers, address, port);
        }
    }
}

/// Has a mini-socket wait for its connection to close.
///
/// # Safety
///
/// `timers` points to this CPU's own element.
#[inline(always)]
unsafe fn remember(timers: *mut Timers, address: u64, port: u16) {
    // SAFETY: by contract; the place is inside the array.
    unsafe {
        let place = (*timers).next as usize & (ARMED - 1);
        (*timers).next = place as u64 + 1;
        let armed = (&raw mut (*timers).armed).cast::<[u64; 2]>().add(place);
        *armed = [address, u64::from(port)];
    }
}

/// Takes in a mini-socket that is complete; its local port. Not inlined: as for [`is`].
#[inline(never)]
fn enter_complete(address: u64) -> Option<u16> {
    let mut copy = TimeWait::at(address);
    let mini = copy.read()?;
    if !mini.autobound() {
        return None;
    }
    let located = mini.locate()?;
    // No alarm here: for some microseconds the connection and its mini-socket are both counted.
    let tracked = Tracked::new(mini.local_port(), Phase::TimeWait);
    enter(address, &located, tracked)?;
    Some(tracked.local_port)
}

/// A connection has left the set: the mini-socket that waited for that is its own, or it has none.
#[inline(always)]
pub fn closed(tracked: &Tracked) {
    if config!(tw_timer_handler: u64) == 0 || tracked.class != Class::Autobound as u8 {
        return;
    }
    let Some(timers) = TIMERS.get_ptr_mut(0) else {
        return;
    };
    if config!(time_wait_at_close: u32) == 0 {
        // SAFETY: this CPU's own element.
        let [address, port] = unsafe { armed_last(timers) };
        if port == u64::from(tracked.local_port) {
            inherit(address, tracked);
        }
        return;
    }
    for place in 0..ARMED {
        // SAFETY: this CPU's own element.
        let armed = unsafe { &mut *(&raw mut (*timers).armed).cast::<[u64; 2]>().add(place) };
        if armed[1] == u64::from(tracked.local_port) && armed[0] != 0 {
            let address = core::mem::take(&mut armed[0]);
            let port = tracked.local_port.into();
            become_time_wait(
                address,
                tracked.tuple,
                port,
                tracked.opener,
                tracked.opened(),
            );
        }
    }
}

/// The mini-socket whose timer was armed last, and its local port.
///
/// # Safety
///
/// `timers` points to this CPU's own element.
#[inline(always)]
unsafe fn armed_last(timers: *mut Timers) -> [u64; 2] {
    // SAFETY: by contract; the place is inside the array.
    unsafe {
        let place = ((*timers).next as usize).wrapping_sub(1) & (ARMED - 1);
        *(&raw const (*timers).armed).cast::<[u64; 2]>().add(place)
    }
}

/// Tells who opened the connection whose mini-socket is at this address, if it is one of the tuple.
#[inline(always)]
fn inherit(address: u64, tracked: &Tracked) {
    if let Some(mini) = SOCKETS.get_ptr_mut(&address) {
        // SAFETY: in place. The mini-socket may end meanwhile and its memory in the map become
        // another's, who then has the wrong opener: no count depends on it.
        unsafe {
            if (*mini).tuple == tracked.tuple && (*mini).local_port == tracked.local_port {
                (*mini).opener = tracked.opener;
                (*mini).stamp = tracked.opened();
            }
        }
    }
}

/// Takes in the mini-socket at this address, if it is that of a connection of the tuple in this slot
/// with this local port. To the verifier as `emit_tuple`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn become_time_wait(address: u64, slot: u32, port: u32, opener: u32, stamp: u32) -> i32 {
    let tracked = Tracked {
        tuple: slot,
        opener,
        stamp,
        ..Tracked::new(port as u16, Phase::TimeWait)
    };
    if is(address, &tracked)
        && insert(address, slot, tracked).is_some()
        && (!time_wait_armed(address) || is_ending(address))
    {
        // Another CPU ended it meanwhile, which was told to a set that did not hold it yet.
        leave(address);
    }
    0
}

/// Whether a mini-socket is this very connection's. Not inlined: a copy takes much of the stack.
#[inline(never)]
fn is(address: u64, tracked: &Tracked) -> bool {
    let mut copy = TimeWait::at(address);
    let Some(mini) = copy.read() else {
        return false;
    };
    if mini.local_port() != tracked.local_port {
        return false;
    }
    let Some(located) = mini.locate() else {
        return false;
    };
    // SAFETY: compared at once.
    unsafe { TUPLE_SLOTS.get(&located.key) }.is_some_and(|slot| *slot == tracked.tuple)
}

/// A timer is taken from the wheel: cancelled, about to expire, or about to be armed anew.
#[inline(always)]
pub fn cancelled(timer: *const c_void) {
    let Some(address) = time_wait_of(timer) else {
        return;
    };
    // SAFETY: a helper without arguments.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    if let Some(ending) = ENDING.get_ptr_mut(cpu % ENDING_CPUS) {
        // SAFETY: an element of the array; a reader compares the word as a whole.
        unsafe { ending.write_volatile(address) };
    }
    let left = leave(address);
    if let (Some(timers), Some((_, tracked))) = (TIMERS.get_ptr_mut(0), left) {
        // SAFETY: this CPU's own element.
        unsafe {
            (*timers).cancelled = address;
            (*timers).tracked = tracked;
        }
    }
}

/// The mini-socket at this address begins: an end that was told is that of one before it.
#[inline(always)]
fn forget_end(socket: u64) {
    for cpu in 0..ENDING_CPUS {
        if let Some(ending) = ENDING.get_ptr_mut(cpu) {
            // SAFETY: an element of the array. Another CPU writes only the address of a mini-socket
            // that is in the wheel, which this one is not yet.
            unsafe {
                if ending.read_volatile() == socket {
                    ending.write_volatile(0);
                }
            }
        }
    }
}

/// Whether some CPU is telling of this mini-socket's end, see `ENDING`.
#[inline(always)]
pub fn is_ending(socket: u64) -> bool {
    let mut ending = false;
    for cpu in 0..ENDING_CPUS {
        ending |= ENDING.get(cpu).is_some_and(|address| *address == socket);
    }
    ending
}

/// The mini-socket that a timer belongs to, if it is one's.
#[inline(always)]
fn time_wait_of(timer: *const c_void) -> Option<u64> {
    // SAFETY: the tracepoint's argument is a `struct timer_list`.
    let function: u64 = unsafe { read(timer, offset!(timer_list_function)) };
    (function == config!(tw_timer_handler: u64))
        .then(|| timer as u64 - u64::from(offset!(inet_timewait_sock_tw_timer)))
}
