//! Programs that the user side runs itself (`BPF_PROG_TEST_RUN`): they are attached nowhere.

use core::{ffi::c_void, ptr};

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use portwatch_common::{NETNS_PAGE_ROWS, NO_MEMBER, NetnsRow, RESERVED_BYTES, SLOTS_A_RUN};

use crate::{
    accounting::leave,
    current,
    kernel::{netns_key_at, probe, probe_or_zero},
    maps::{FREE_SLOTS, NETNS_PAGE, RESERVED, SOCKETS, count},
    settings::offset,
    slots::range,
};

/// Lists network namespaces, a page a run, along `struct net.list`.
///
/// The list is a ring that also passes through its head, which is no `struct net`; the head is
/// told by what stands where `ns.ops` would be, the same for all real ones. No lock is held: a
/// namespace that goes away under the walk makes a read fail or the ring not close, and the user
/// side begins anew.
#[inline(always)]
pub fn netns_list(cursor: u64, start: u64) {
    let Some(page) = NETNS_PAGE.get_ptr_mut(0) else {
        return;
    };
    let member = u64::from(offset!(net_list));
    // SAFETY: one run at a time writes the page.
    unsafe {
        (*page).count = 0;
        (*page).broken = 1;
        let Some(own) = current::net() else { return };
        let Some(ops) = probe::<u64>(own + u64::from(offset!(net_ns_ops))) else {
            return;
        };
        let start = if start == 0 { own + member } else { start };
        let mut node = if cursor == 0 { start } else { cursor };
        (*page).start = start;
        // One row a step, empty for the list's head: a count of its own would have the verifier
        // walk the loop once for every value that it can have.
        for step in 0..NETNS_PAGE_ROWS {
            let net = node.wrapping_sub(member);
            let place = (&raw mut (*page).rows).cast::<NetnsRow>().add(step);
            (*place).net = 0;
            if probe::<u64>(net + u64::from(offset!(net_ns_ops))) == Some(ops) && !row(place, net) {
                return;
            }
            (*page).count = step as u32 + 1;
            let Some(next) = probe::<u64>(node) else {
                return;
            };
            node = next;
            if node == start {
                node = 0;
                break;
            }
        }
        (*page).cursor = node;
        (*page).broken = 0;
    }
}

/// Fills a row in place; false when the namespace can't be read.
///
/// # Safety
///
/// `place` points to a row of the page.
#[inline(always)]
unsafe fn row(place: *mut NetnsRow, net: u64) -> bool {
    let inum: u32 = probe_or_zero(net + u64::from(offset!(net_ns_inum)));
    let sysctl = |offset: u32| probe_or_zero::<u8>(net + u64::from(offset));
    let reuse = sysctl(offset!(net_sysctl_tcp_tw_reuse));
    let timestamps = sysctl(offset!(net_sysctl_tcp_timestamps));
    let (low, high) = range(net);
    // SAFETY: by contract.
    unsafe {
        (*place).net = net;
        (*place).cookie = netns_key_at(net).unwrap_or(0);
        (*place).inum = inum;
        (*place).low = low;
        (*place).high = high;
        (*place).tw_reuse = reuse.into();
        (*place).timestamps = timestamps.into();
        (*place).tw_reuse_delay_ms = 0;
        if offset!(net_sysctl_tcp_tw_reuse_delay) != NO_MEMBER {
            let delay = net + u64::from(offset!(net_sysctl_tcp_tw_reuse_delay));
            (*place).tw_reuse_delay_ms = probe_or_zero(delay);
        }
        inum != 0 && (*place).cookie != 0
    }
}

/// Copies the bitmap of reserved ports of a namespace.
#[inline(always)]
pub fn netns_reserved(net: u64) {
    let Some(reserved) = RESERVED.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: one run at a time writes the element; the helper writes exactly the bitmap's size.
    unsafe {
        (*reserved).net = 0;
        let pointer = probe::<u64>(net + u64::from(offset!(net_sysctl_local_reserved_ports)));
        let Some(bitmap) = pointer else { return };
        let result = bpf_probe_read_kernel(
            (&raw mut (*reserved).bitmap).cast::<c_void>(),
            RESERVED_BYTES as u32,
            ptr::with_exposed_provenance(bitmap as usize),
        );
        if result == 0 {
            (*reserved).net = net;
        }
    }
}

/// Puts the slots from `first` on the stack of free ones, in descending order, `SLOTS_A_RUN` of them.
/// The verifier walks the loop step by step: it has to be short and without a branch.
#[inline(always)]
pub fn free_slots(first: u32) {
    for step in 0..SLOTS_A_RUN {
        let _ = FREE_SLOTS.push(first.wrapping_sub(step), 0);
    }
}

/// Drops a socket that no walk has seen since `generation`: its end was missed. The user side has
/// looked before; this looks again, because the address may hold another socket by now.
#[inline(always)]
pub fn sweep_drop(socket: u64, generation: u32) {
    // SAFETY: read at once.
    let stale = unsafe { SOCKETS.get(&socket) }.is_some_and(|it| it.generation == generation);
    if stale && leave(socket).is_some() {
        count!(sweep_dropped);
    }
}
