//! ss(8), the peer that everybody knows.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
};

use super::{kernel_list::Tuple, netns::Netns};

/// Connections by tuple and state, of sockets whose local port is in `range`.
pub fn states(
    netns: &Netns,
    range: &RangeInclusive<u16>,
) -> BTreeMap<Tuple, BTreeMap<String, u64>> {
    let text = netns.command("ss", &["-H", "-t", "-a", "-n"]);
    let mut tuples: BTreeMap<Tuple, BTreeMap<String, u64>> = BTreeMap::new();
    for line in text.lines() {
        let field: Vec<&str> = line.split_whitespace().collect();
        // A listener's peer is `0.0.0.0:*`.
        let (Some(local), Some(peer)) = (address(field[3]), address(field[4])) else {
            continue;
        };
        if range.contains(&local.port()) {
            let states = tuples.entry((local.ip(), peer)).or_default();
            *states.entry(name(field[0])).or_default() += 1;
        }
    }
    tuples
}

/// `FIN-WAIT-2` is `fin_wait2`, as in the kernel's `TCP_FIN_WAIT2`.
fn name(state: &str) -> String {
    match state {
        "ESTAB" => "established".to_owned(),
        _ => state
            .to_lowercase()
            .replace("wait-", "wait")
            .replace('-', "_"),
    }
}

fn address(text: &str) -> Option<SocketAddr> {
    let address: SocketAddr = text.parse().ok()?;
    let ip: IpAddr = address.ip().to_canonical();
    Some(SocketAddr::new(ip, address.port()))
}
