//! The port oracle: what connect's search finds at each port, read from the kernel's bind table.

use core::mem::MaybeUninit;

use portwatch_common::{
    BIND_BUCKET_COPY, BUCKETS_A_RUN, NO_MEMBER, PORTS_A_RUN, PortState, PortsPage,
};

use crate::{
    kernel::{probe, probe_into, read},
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
    if walk(page, net, first, l3mdev).is_some() {
        // SAFETY: as above.
        unsafe { (*page).broken = 0 };
    }
}

/// One bucket a step, or the end of a chain: the ports of long chains take steps from the others.
#[inline(always)]
fn walk(page: *mut PortsPage, net: u64, first: u32, l3mdev: u32) -> Option<()> {
    let table = Table::of(net, l3mdev);
    let mut node = table.chain(first)?;
    for _ in 0..BUCKETS_A_RUN {
        // SAFETY: one run at a time writes the page. Volatile, so that the verifier forgets the
        // value: else it would walk the rest of the loop once for each.
        let index = unsafe { (&raw const (*page).count).read_volatile() };
        if index >= PORTS_A_RUN as u32 {
            break;
        }
        let state = if node == 0 {
            PortState::Absent as u8
        } else {
            let state = table.bucket(node, first + index, &mut node)?;
            if state == PortState::Absent as u8 {
                continue;
            }
            state
        };
        // SAFETY: `index` is inside the array.
        unsafe {
            (&raw mut (*page).states)
                .cast::<u8>()
                .add(index as usize)
                .write(state);
            (&raw mut (*page).count).write_volatile(index + 1);
        }
        node = table.chain(first + index + 1)?;
    }
    Some(())
}

impl Table {
    /// Of a namespace. What can't be read is 0, and no chain is found then.
    #[inline(always)]
    fn of(net: u64, l3mdev: u32) -> Self {
        let mut place = net + u64::from(offset!(net_tcp_death_row));
        if offset!(inet_timewait_death_row_hashinfo) != NO_MEMBER {
            let row = probe::<u64>(place).unwrap_or(0);
            place = row + u64::from(offset!(inet_timewait_death_row_hashinfo));
        }
        let info = probe::<u64>(place).unwrap_or(0);
        let size = info + u64::from(offset!(inet_hashinfo_bhash_size));
        let buckets = info + u64::from(offset!(inet_hashinfo_bhash));
        Self {
            net,
            l3mdev,
            hash_mix: probe(net + u64::from(offset!(net_hash_mix))).unwrap_or(0),
            buckets: probe(buckets).unwrap_or(0),
            mask: probe::<u32>(size).unwrap_or(0).wrapping_sub(1),
        }
    }

    /// The first bucket of a port's chain (`inet_bhashfn`), 0 for none.
    #[inline(always)]
    fn chain(&self, port: u32) -> Option<u64> {
        let hash = port.wrapping_add(self.hash_mix) & self.mask;
        let place = self.buckets + u64::from(hash) * u64::from(offset!(inet_bind_hashbucket_size));
        probe(place + u64::from(offset!(inet_bind_hashbucket_chain)))
    }

    /// The state of a port by the bucket at `node`, which is absent where the bucket is not its
    /// own; none when it can't be read. `next` becomes the bucket behind.
    #[inline(always)]
    fn bucket(&self, node: u64, port: u32, next: &mut u64) -> Option<u8> {
        let mut copy = MaybeUninit::<[u64; BIND_BUCKET_COPY / 8]>::uninit();
        if !probe_into(&mut copy, node - u64::from(offset!(inet_bind_bucket_node))) {
            return None;
        }
        let base = copy.as_ptr().cast();
        // SAFETY: the loader checked that the members lie inside the copy.
        unsafe {
            *next = read(base, offset!(inet_bind_bucket_node));
            let own = read::<u64>(base, offset!(inet_bind_bucket_ib_net)) == self.net
                && u32::from(read::<u16>(base, offset!(inet_bind_bucket_port))) == port
                && read::<u32>(base, offset!(inet_bind_bucket_l3mdev)) == self.l3mdev;
            let open = read::<i8>(base, offset!(inet_bind_bucket_fastreuse)) < 0
                && read::<i8>(base, offset!(inet_bind_bucket_fastreuseport)) < 0;
            let state = match (own, open) {
                (false, _) => PortState::Absent,
                (true, true) => PortState::Connect,
                (true, false) => PortState::Blocked,
            };
            Some(state as u8)
        }
    }
}
