//! Sockets that asked for any port and got none, other than by connect's search.
//!
//! Such a socket has no peer yet: what ran out is the range of its namespace.

use aya_ebpf::bindings::BPF_NOEXIST;
use portwatch_common::{BindFailures, EVENT_BURST, RecordKind, TupleKey, v4_mapped};

use crate::{
    atomic::increment_u64,
    emit,
    kernel::{netns_key_at, probe},
    located::{AF_INET, AF_INET6},
    maps::{BINDS, count},
    settings::offset,
    slots::settings_of,
    socket::{Probed, Socket},
};

/// The local address that a socket has, or will have when it is given a port.
#[inline(always)]
pub fn local_of(sk: Probed) -> Option<[u64; 2]> {
    match sk.member::<u16>(offset!(sock_common_skc_family))? {
        AF_INET => sk.member(offset!(sock_common_skc_rcv_saddr)).map(v4_mapped),
        AF_INET6 => sk.member(offset!(sock_common_skc_v6_rcv_saddr)),
        _ => None,
    }
}

/// Counts a socket that got no port, and tells of it as often as the rate limit allows. `kind`:
/// a kind of bind; `local`: the address that the port was to be of.
#[inline(never)]
pub fn failed(socket: u64, kind: u32, local: &[u64; 2]) -> Option<()> {
    let sk = Probed(socket);
    let net: u64 = sk.member(offset!(sock_common_skc_net))?;
    let key = TupleKey {
        netns: netns_key_at(net)?,
        local: *local,
        peer: [0; 2],
        bound_dev: sk.member(offset!(sock_common_skc_bound_dev_if))?,
        peer_port: 0,
        reserved: 0,
    };
    let entry = entry(key.netns, net)?;
    // SAFETY: `entry` points to a value of `BINDS`, which the user side deletes only when its
    // namespace is long gone.
    let total = unsafe {
        let failures = if kind == RecordKind::TcpBind as u32 {
            &raw mut (*entry).tcp_bind
        } else if kind == RecordKind::UdpBind as u32 {
            &raw mut (*entry).udp_bind
        } else {
            &raw mut (*entry).udp_autobind
        };
        increment_u64(&raw mut (*failures).total);
        let total = (&raw const (*failures).total).read_volatile();
        let (window, events) = (
            &raw mut (*failures).window,
            &raw mut (*failures).window_events,
        );
        if !emit::admit(window, events, EVENT_BURST) {
            return None;
        }
        total
    };
    // Has the user side hear of a namespace that nobody connected in yet.
    settings_of(&key, net);
    emit::emit_failure(kind, &key, total);
    Some(())
}

/// The counters of a namespace, made at its first failure.
#[inline(always)]
fn entry(netns: u64, net: u64) -> Option<*mut BindFailures> {
    if let Some(entry) = BINDS.get_ptr_mut(&netns) {
        return Some(entry);
    }
    let fresh = BindFailures {
        inum: probe(net + u64::from(offset!(net_ns_inum)))?,
        ..BindFailures::ZERO
    };
    // Another CPU may be faster, which is as well.
    let _ = BINDS.insert(&netns, &fresh, u64::from(BPF_NOEXIST));
    let entry = BINDS.get_ptr_mut(&netns);
    if entry.is_none() {
        count!(binds_full);
    }
    entry
}
