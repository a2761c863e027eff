//! A census: one walk that counts connections by tuple and state, and writes the port of each.

use core::ffi::c_void;

use aya_ebpf::bindings::BPF_NOEXIST;
use portwatch_common::{Census, Phase, PortRow, TupleKey};

use crate::{
    hooks::{
        bucket::tell_listener,
        held::{put, reclaimable},
        iter::Connection,
    },
    maps::{CENSUS, CONTROL, WALK, count},
};

/// Counts a socket by tuple and state.
///
/// The iterator shows a socket again whose record found no room in its buffer (`bpf_seq_read`): so
/// the record is written first, and a socket without one does not count yet.
#[inline(always)]
pub fn count(seq: *mut c_void, sk: *const c_void) {
    if sk.is_null() {
        return;
    }
    tell_listener(seq, sk);
    let mut connection = Connection::unknown();
    let Some(connection) = connection
        .look(sk)
        .filter(|connection| connection.autobound)
    else {
        return;
    };
    let Some(census) = entry(&connection.located.key) else {
        return;
    };
    let state = usize::from(connection.state & 15);
    if state >= 13 {
        return;
    }
    let time_wait = matches!(connection.phase, Phase::TimeWait);
    let reclaimable = time_wait && WALK.get(0).is_some_and(|walk| reclaimable(sk as u64, walk));
    // SAFETY: one walk at a time counts; `state` is inside the array.
    unsafe {
        let row = PortRow {
            tuple: (*census).index,
            port: connection.local_port,
            reclaimable: reclaimable.into(),
        };
        if !put(seq, &row) {
            return;
        }
        *(&raw mut (*census).states).cast::<u32>().add(state) += 1;
        (*census).time_wait += u32::from(time_wait);
    }
}

/// The counts of a tuple; none when there is no room for more tuples.
#[inline(always)]
fn entry(key: &TupleKey) -> Option<*mut Census> {
    if let Some(census) = CENSUS.get_ptr_mut(key) {
        return Some(census);
    }
    let control = CONTROL.get_ptr_mut(0)?;
    // SAFETY: one walk at a time counts.
    let index = unsafe {
        let index = (*control).census_tuples;
        (*control).census_tuples = index + 1;
        index
    };
    let census = Census {
        index,
        ..Census::default()
    };
    if CENSUS.insert(key, census, u64::from(BPF_NOEXIST)).is_err() {
        count!(tuples_full);
        return None;
    }
    CENSUS.get_ptr_mut(key)
}
