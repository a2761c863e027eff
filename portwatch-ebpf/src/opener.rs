//! Who opens connections.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_get_current_comm;

use crate::{
    current,
    maps::{LAST_OPENER, OPENERS},
};

/// The process that calls connect(2), whose name is kept.
#[inline(always)]
pub fn note() -> u32 {
    let process = (current::thread() >> 32) as u32;
    if let Some(last) = LAST_OPENER.get_ptr_mut(0) {
        // SAFETY: this CPU's own element.
        unsafe {
            if *last != u64::from(process) {
                *last = process.into();
                keep_name(process);
            }
        }
    }
    process
}

/// Keeps the name, which changes with exec(2), and when a process id is used again. To the verifier
/// as `emit_tuple`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn keep_name(process: u32) -> i32 {
    let mut name = [0_u64; 2];
    // SAFETY: the helper writes at most the 16 bytes of the name.
    unsafe { bpf_get_current_comm(name.as_mut_ptr().cast::<c_void>(), 16) };
    // SAFETY: compared at once.
    let known = unsafe { OPENERS.get(&process) }.is_some_and(|it| *it == name);
    if !known {
        let _ = OPENERS.insert(&process, name, 0);
    }
    0
}
