//! The running task.

use core::ffi::c_void;

use aya_ebpf::helpers::{
    bpf_get_current_pid_tgid, bpf_get_current_uid_gid,
    generated::{bpf_get_current_comm, bpf_get_current_task},
};
use portwatch_common::Record;

use crate::{kernel::probe, settings::offset, socket::socket_of};

/// Process and thread in one number, as `bpf_get_current_pid_tgid` gives it.
#[inline(always)]
pub fn thread() -> u64 {
    bpf_get_current_pid_tgid()
}

/// Writes the running task into an event.
///
/// # Safety
///
/// `record` points to a whole `Record` in the ring buffer.
#[inline(always)]
pub unsafe fn describe(record: *mut Record) {
    let thread = thread();
    // SAFETY: by contract; the helper writes at most the 16 bytes of `comm`.
    unsafe {
        (*record).pid = (thread >> 32) as u32;
        (*record).tid = thread as u32;
        (*record).uid = bpf_get_current_uid_gid() as u32;
        bpf_get_current_comm((&raw mut (*record).comm).cast::<c_void>(), 16);
    }
}

/// Address of the `struct net` of the running task; none for a task that is ending.
#[inline(always)]
pub fn net() -> Option<u64> {
    // SAFETY: a helper without arguments.
    let task = unsafe { bpf_get_current_task() };
    let proxy: u64 = probe(task + u64::from(offset!(task_struct_nsproxy)))?;
    if proxy == 0 {
        return None;
    }
    probe(proxy + u64::from(offset!(nsproxy_net_ns)))
}

/// The socket behind one of its descriptors, as far as that can be told without a lock.
#[inline(always)]
pub fn socket(descriptor: u32) -> Option<u64> {
    // SAFETY: a helper without arguments.
    let task = unsafe { bpf_get_current_task() };
    let files: u64 = probe(task + u64::from(offset!(task_struct_files)))?;
    let table: u64 = probe(files.wrapping_add(u64::from(offset!(files_struct_fdt))))?;
    let size: u32 = probe(table.wrapping_add(u64::from(offset!(fdtable_max_fds))))?;
    let array: u64 = probe(table.wrapping_add(u64::from(offset!(fdtable_fd))))?;
    if descriptor >= size {
        return None;
    }
    socket_of(probe(array.wrapping_add(8 * u64::from(descriptor)))?)
}
