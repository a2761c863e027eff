//! Walks over the kernel's own list of sockets (`iter/tcp`), one namespace at a time.

use core::ffi::c_void;

use portwatch_common::{Phase, Tracked, TupleKey};

use crate::{
    accounting::{enter, leave},
    attempt,
    hooks::{bucket::tell_listener, timer::is_ending},
    kernel::{probe, read, state, time_wait_armed},
    located::Located,
    maps::{CONTROL, SOCKETS, TUPLE_SLOTS, count},
    settings::offset,
    socket::{Probed, Socket, TimeWait, Typed},
};

/// A connection, as a walk meets it.
pub struct Connection {
    pub located: Located,
    /// Whether connect chose its port, as far as the socket still tells: before 6.17.13 a bind
    /// that joins the port's bucket later turns the answer.
    pub autobound: bool,
    pub local_port: u16,
    pub state: u8,
    pub phase: Phase,
}

impl Connection {
    /// One to be filled in place: older verifiers refuse to copy what was returned in part.
    #[inline(always)]
    pub const fn unknown() -> Self {
        Self {
            located: Located {
                key: TupleKey {
                    netns: 0,
                    local: [0; 2],
                    peer: [0; 2],
                    bound_dev: 0,
                    peer_port: 0,
                    reserved: 0,
                },
                net: 0,
            },
            autobound: false,
            local_port: 0,
            state: 0,
            phase: Phase::Live,
        }
    }

    /// Looks at one socket of the list; none when it is no connection.
    #[inline(always)]
    pub fn look(&mut self, sk: *const c_void) -> Option<&Self> {
        // SAFETY: the iterator passes a `struct sock_common`.
        let state: u8 = unsafe { read(sk, offset!(sock_common_skc_state)) };
        match i32::from(state) {
            state::LISTEN | state::NEW_SYN_RECV | state::CLOSE => None,
            state::TIME_WAIT => mini(sk as u64, self).then_some(self),
            // A socket in any other state is a full one.
            _ => self.full(Typed::new(sk)?, state),
        }
    }

    /// Looks at the socket at an address, as [`Self::look`].
    #[inline(always)]
    pub fn look_at(&mut self, socket: u64) -> Option<&Self> {
        let state: u8 = probe(socket + u64::from(offset!(sock_common_skc_state)))?;
        match i32::from(state) {
            state::LISTEN | state::NEW_SYN_RECV | state::CLOSE => None,
            state::TIME_WAIT => mini(socket, self).then_some(self),
            _ => self.full(Probed(socket), state),
        }
    }

    #[inline(always)]
    fn full(&mut self, socket: impl Socket, state: u8) -> Option<&Self> {
        self.located = socket.locate()?;
        self.autobound = socket.autobound();
        self.local_port = socket.member(offset!(sock_common_skc_num))?;
        self.state = state;
        Some(self)
    }
}

/// Looks at a mini-socket. Not inlined: its copy takes much of the stack, for this moment only.
#[inline(never)]
fn mini(address: u64, found: &mut Connection) -> bool {
    let mut copy = TimeWait::at(address);
    let Some(mini) = copy.read() else {
        return false;
    };
    let Some(located) = mini.locate() else {
        return false;
    };
    found.located = located;
    found.autobound = mini.autobound();
    found.local_port = mini.local_port();
    found.state = mini.substate();
    found.phase = Phase::TimeWait;
    true
}

/// For the set: marks a socket that is there, puts in one that is not.
#[inline(always)]
pub fn track(seq: *mut c_void, sk: *const c_void) {
    if sk.is_null() {
        return;
    }
    tell_listener(seq, sk);
    let mut connection = Connection::unknown();
    let connection = connection.look(sk);
    take_in(sk as u64, connection, true);
}

/// Marks the socket at an address as seen, or puts it into the set; true when it has been put in.
/// `locked`: if it is a full one, nothing else changes its entry meanwhile, as while the iterator
/// shows it.
#[inline(always)]
pub fn take_in(socket: u64, connection: Option<&Connection>, locked: bool) -> bool {
    let Some(control) = CONTROL.get(0) else {
        return false;
    };
    if let Some(tracked) = SOCKETS.get_ptr_mut(&socket) {
        // SAFETY: in place, and written to only where it is locked. Else the entry may go meanwhile,
        // and its memory in the map become another socket's: that one was in the set at the time.
        if unsafe { still_is(&mut *tracked, connection, locked) } {
            // SAFETY: as above.
            unsafe { (*tracked).generation = control.generation };
            count!(walk_seen);
            return false;
        }
        // Another socket has the address now: the end of the one before was missed.
        if leave(socket).is_some() {
            count!(stale_replaced);
        }
    }
    let Some(connection) = connection.filter(|connection| connection.autobound) else {
        return false;
    };
    let time_wait = matches!(connection.phase, Phase::TimeWait);
    let tracked = Tracked::new(connection.local_port, connection.phase);
    if enter(socket, &connection.located, tracked).is_none() {
        return false;
    }
    if !time_wait {
        count!(walk_inserted);
        return true;
    }
    // If a mini-socket ended between the look and the insert, its end was told to a set that did not
    // hold it yet. Either its timer is off by now, or its end is being told at this moment.
    if time_wait_armed(socket) && !is_ending(socket) {
        count!(walk_inserted_time_wait);
        return true;
    }
    leave(socket);
    false
}

/// Whether an entry of the set is the connection that the walk meets under its address. One that
/// was still connecting when its hook looked last gets its port, where it is locked.
#[inline(always)]
fn still_is(tracked: &mut Tracked, connection: Option<&Connection>, locked: bool) -> bool {
    let Some(connection) = connection else {
        return false;
    };
    // SAFETY: compared at once.
    let slot = unsafe { TUPLE_SLOTS.get(&connection.located.key) };
    if slot.is_some_and(|slot| *slot != tracked.tuple) || tracked.phase == Phase::Failed as u8 {
        return false;
    }
    let full = matches!(connection.phase, Phase::Live);
    if full && tracked.phase == Phase::Connecting as u8 {
        if !locked {
            return true;
        }
        // SAFETY: in the set, and locked.
        unsafe { attempt::goes_live(tracked, connection.local_port) };
    }
    tracked.local_port == connection.local_port
}
