//! The port oracle: what connect's search finds at each port, read from the kernel's bind table.

use core::mem::MaybeUninit;

use portwatch_common::{BIND_BUCKET_COPY, BUCKETS_A_RUN, PORTS_A_RUN, PortState, PortsPage};

use crate::{
    kernel::{hashinfo, probe_into, probe_or_zero, read},
    maps::PORTS_PAGE,
    settings::offset,
};

/// The bind table and whose buckets are wanted.
struct Table {
    net: u64,
    l3mdev: u32,
    hash_mix: u32,
    buckets: u64,
    mask: u32,
}

/// Tells the state of the ports from `first` on, as many as a run has steps for.
///
/// No lock is held: a bucket that goes away under the walk may lead into another chain, or nowhere.
/// So a bucket counts only if namespace, port and domain fit, and the user side looks twice.
#[inline(always)]
pub fn scan(net: u64, first: u32, l3mdev: u32) {
    let Some(page) = PORTS_PAGE.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: one run at a time writes the page.
    unsafe {
        (*page).count = 0;
        (*page).broken = 1;
    }
    if walk(page, &Table::of(net, l3mdev), first) {
        // SAFETY: as above.
        unsafe { (*page).broken = 0 };
    }
}

/// One bucket a step, or the end of a chain: the ports of long chains take steps from the others.
/// False when a read failed.
#[inline(always)]
fn walk(page: *mut PortsPage, table: &Table, first: u32) -> bool {
    let mut node = 0;
    if !table.chain(first, &mut node) {
        return false;
    }
    for _ in 0..BUCKETS_A_RUN {
        // SAFETY: one run at a time writes the page. Volatile, so that the verifier forgets the
        // value: else it would walk the rest of the loop once for each.
        let index = unsafe { (&raw const (*page).count).read_volatile() };
        if index >= PORTS_A_RUN as u32 {
            break;
        }
        let mut state = PortState::Absent as u8;
        if node != 0 {
            if !table.bucket(first + index, &mut node, &mut state) {
                return false;
            }
            if state == PortState::Absent as u8 {
                continue;
            }
        }
        // SAFETY: `index` is inside the array.
        unsafe {
            (&raw mut (*page).states)
                .cast::<u8>()
                .add(index as usize)
                .write(state);
            (&raw mut (*page).count).write_volatile(index + 1);
        }
        if !table.chain(first + index + 1, &mut node) {
            return false;
        }
    }
    true
}

impl Table {
    /// Of a namespace. What can't be read is 0, and no chain is found then.
    #[inline(always)]
    fn of(net: u64, l3mdev: u32) -> Self {
        let info = hashinfo(net);
        let size: u32 = probe_or_zero(info + u64::from(offset!(inet_hashinfo_bhash_size)));
        Self {
            net,
            l3mdev,
            hash_mix: probe_or_zero(net + u64::from(offset!(net_hash_mix))),
            buckets: probe_or_zero(info + u64::from(offset!(inet_hashinfo_bhash))),
            mask: size.wrapping_sub(1),
        }
    }

    /// Finds the first bucket of a port's chain (`inet_bhashfn`), 0 for none; false when it can't
    /// be read.
    #[inline(always)]
    fn chain(&self, port: u32, node: &mut u64) -> bool {
        let hash = port.wrapping_add(self.hash_mix) & self.mask;
        let place = self.buckets + u64::from(hash) * u64::from(offset!(inet_bind_hashbucket_size));
        let mut first = MaybeUninit::new(0);
        let place = place + u64::from(offset!(inet_bind_hashbucket_chain));
        let read = probe_into(&mut first, place);
        // SAFETY: it was before the helper wrote to it.
        *node = unsafe { first.assume_init() };
        read
    }

    /// Tells the state of a port by the bucket at `node`, which is absent where the bucket is not
    /// its own; `node` becomes the bucket behind. False when it can't be read.
    #[inline(always)]
    fn bucket(&self, port: u32, node: &mut u64, state: &mut u8) -> bool {
        let mut copy = MaybeUninit::<[u64; BIND_BUCKET_COPY / 8]>::uninit();
        let read_whole = probe_into(&mut copy, *node - u64::from(offset!(inet_bind_bucket_node)));
        let base = copy.as_ptr().cast();
        // SAFETY: the loader checked that the members lie inside the copy, which the helper fills
        // with zeros where it fails.
        unsafe {
            *node = read(base, offset!(inet_bind_bucket_node));
            // Without a branch for each member: the verifier walks every way on from here.
            let foreign = read::<u64>(base, offset!(inet_bind_bucket_ib_net)) ^ self.net
                | u64::from(u32::from(read::<u16>(base, offset!(inet_bind_bucket_port))) ^ port)
                | u64::from(read::<u32>(base, offset!(inet_bind_bucket_l3mdev)) ^ self.l3mdev);
            let both_negative = read::<u8>(base, offset!(inet_bind_bucket_fastreuse))
                & read::<u8>(base, offset!(inet_bind_bucket_fastreuseport))
                & 0x80;
            *state = if foreign == 0 {
                PortState::Blocked as u8 - (both_negative >> 7)
            } else {
                PortState::Absent as u8
            };
        }
        read_whole
    }
}
