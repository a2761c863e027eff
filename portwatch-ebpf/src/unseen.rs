//! Failed searches whose hooks the kernel skipped, told by what comes after them.

use portwatch_common::{Class, Phase, TupleKey, v4_mapped};

use crate::{
    accounting::{Tuple, leave},
    atomic::increment_u64,
    attempt,
    kernel::IPPROTO_TCP,
    located::Located,
    maps::{TUPLES, count},
    settings::offset,
    slots,
    socket::{Probed, Socket},
};

/// A socket closes that was connecting, as nobody noticed. One that never had a port has none
/// because the search found none (`__inet_hash_connect` sets `inet_sport` as soon as it does).
#[inline(never)]
pub fn closed(sk: impl Socket) -> Option<()> {
    if sk.member::<u16>(offset!(inet_sock_inet_sport))? != 0 {
        return None;
    }
    let tuple = opened(&sk.locate()?)?;
    attempt::tell(tuple, Class::Autobound as u8, 0);
    Some(())
}

/// connect(2) has returned EADDRNOTAVAIL without a mark of a failed search. Counts one that was
/// missed; false where nothing says that there was a search: over IPv6 it may be the source address
/// that is missing (`ipv6_dev_get_saddr`), over IPv4 that has other errors (`ip_route_connect`).
#[inline(never)]
pub fn returned(socket: u64, destination: &TupleKey, net: u64) -> bool {
    let sk = Probed(socket);
    if sk.member::<u16>(offset!(sock_sk_protocol)) != Some(IPPROTO_TCP) {
        return false;
    }
    let port = sk
        .member::<u16>(offset!(sock_common_skc_num))
        .unwrap_or_default();
    if let Some((tuple, tracked)) = leave(socket) {
        if tracked.phase == Phase::Failed as u8 {
            return true;
        }
        if tracked.phase == Phase::Connecting as u8 {
            attempt::count(tuple, tracked.class, port);
            return true;
        }
        // Of a connection that the socket had before.
        count!(stale_replaced);
    }
    if destination.peer[0] != 0 || destination.peer[1] as u32 != 0xffff_0000 {
        return false;
    }
    // The kernel has taken the local address back, unless it was bound to one.
    let address: u32 = sk
        .member(offset!(sock_common_skc_rcv_saddr))
        .unwrap_or_default();
    let local = if address == 0 {
        [0; 2]
    } else {
        v4_mapped(address)
    };
    let located = Located {
        key: TupleKey {
            local,
            ..*destination
        },
        net,
    };
    let class = if port == 0 {
        Class::Autobound
    } else {
        Class::Bound
    };
    if let Some(tuple) = opened(&located) {
        attempt::count(tuple, class as u8, port);
    }
    true
}

/// The tuple of an attempt that nobody saw begin.
#[inline(always)]
fn opened(located: &Located) -> Option<Tuple> {
    let slot = slots::of(located)?;
    let entry = TUPLES.get_ptr_mut(slot)?;
    // SAFETY: `entry` points to an element of `TUPLES`.
    unsafe { increment_u64(&raw mut (*entry).opened) };
    Some(Tuple { slot, entry })
}
