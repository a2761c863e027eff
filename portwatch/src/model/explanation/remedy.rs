//! Each remedy, with what it brings here.

use std::{cmp::Reverse, net::SocketAddr};

use super::{
    Advice, BindHolder, Facts, HolderKind, Stranger,
    number::{grouped, list, rounded, some, time},
    widening::{self, Widening},
};

/// Seconds that TIME_WAIT lasts: `TCP_TIMEWAIT_LEN`, `include/net/tcp.h`, the same since 2.6.
const TIME_WAIT: u32 = 60;
/// Holders named at most.
const NAMED: usize = 3;

/// A wider range; the widest one, and beside it one without a clash.
pub(super) fn widen(facts: &Facts) -> Option<Advice> {
    if facts.listeners.is_none() {
        return widen_blindly(facts);
    }
    let widest = widening::best(facts)?;
    let at_most = if facts.reserved.is_none() {
        "up to "
    } else {
        ""
    };
    let mut effect = format!("adds {at_most}{} ports", grouped(widest.gain));
    if !widest.clashes.is_empty() {
        effect += &format!(
            "; would clash with {}, reserve {} first",
            some(&widest.clashes),
            if one(&widest) { "it" } else { "them" },
        );
        if let Some(clean) = widening::without_clash(facts) {
            effect += &format!(
                "; without a clash {}-{} adds {at_most}{}",
                clean.range.low,
                clean.range.high,
                grouped(clean.gain)
            );
        }
    }
    if let Some(growth) = facts.live_trend.map(|trend| trend.growth)
        && growth > 0.0
        && facts.live() > facts.waiting()
    {
        let left = f64::from(widest.gain) / growth;
        effect += &format!("; lasts {} more at this pace", time(left));
    }
    Some(Advice {
        title: "widen the port range".to_owned(),
        command: Some(set_range(facts, &widest)),
        effect,
    })
}

/// The advice without a command: what listens outside of the range is not known.
fn widen_blindly(facts: &Facts) -> Option<Advice> {
    let gain = widening::at_most(facts);
    (gain > 0).then(|| Advice {
        title: "widen the port range".to_owned(),
        command: None,
        effect: format!(
            "adds up to {} ports, less what is reserved or listened on outside of it, which is \
             not known",
            grouped(gain)
        ),
    })
}

fn one(widening: &Widening) -> bool {
    widening
        .clashes
        .iter()
        .map(|range| range.len())
        .sum::<u32>()
        == 1
}

fn set_range(facts: &Facts, widening: &Widening) -> String {
    let range = format!(
        "sysctl -w net.ipv4.ip_local_port_range=\"{} {}\"",
        widening.range.low, widening.range.high
    );
    match &widening.reserved {
        // In this order: no listener's port is given away in between.
        Some(ports) => format!(
            "{} && {}",
            inside(
                facts,
                &format!("sysctl -w net.ipv4.ip_local_reserved_ports={ports}")
            ),
            inside(facts, &range)
        ),
        None => inside(facts, &range),
    }
}

/// Whoever opens connections without closing them.
pub(super) fn close(facts: &Facts) -> Advice {
    let mut effect = format!(
        "gives {} ports back, as a restart does at once",
        grouped(facts.live())
    );
    if let Some(trend) = facts.live_trend {
        effect += &format!("; {} a second are not closed", rounded(trend.growth));
    }
    let left = facts.forecast.seconds_to_exhaustion;
    // Of one that is full already there is nothing to foretell.
    if let Some(left) = left.filter(|_| facts.usage.headroom().most > 0) {
        effect += &format!(", which is full in {}", time(left));
    }
    Advice {
        title: format!("have {} close its connections", who(facts.process.as_ref())),
        command: facts.peer_ip.zip(facts.peer_port).map(|(ip, port)| {
            let peer = SocketAddr::new(ip, port);
            // In quotes, since a shell takes brackets for a pattern.
            inside(facts, &format!("ss -tnop state established dst '{peer}'"))
        }),
        effect,
    }
}

/// Ends connections whose peer is gone.
pub(super) fn keepalive(facts: &Facts) -> Advice {
    Advice {
        title: format!(
            "turn on SO_KEEPALIVE in {}, with a short TCP_KEEPIDLE",
            who(facts.process.as_ref())
        ),
        command: None,
        effect: "ends the connections whose peer is gone, and no others; the default of 2 h \
                 before the first probe is too late"
            .to_owned(),
    }
}

/// Pools and keep-alive in place of a connection a request.
pub(super) fn keep_open(facts: &Facts) -> Advice {
    let (ports, peers) = if facts.waits_bound() {
        (facts.usable(), "all peers together")
    } else {
        (facts.usage.capacity, "one peer")
    };
    let mut effect = format!(
        "{} ports allow {} connections a second to {peers} while each stays in TIME_WAIT for 60 s",
        grouped(ports),
        grouped(ports / TIME_WAIT)
    );
    if let Some(trend) = facts.live_trend {
        let held = (trend.opened * f64::from(TIME_WAIT)).max(0.0);
        effect += &format!(
            "; now {} a second, which hold {}",
            rounded(trend.opened),
            rounded(held)
        );
    }
    Advice {
        title: format!(
            "keep connections open in {} (keep-alive, a pool)",
            who(facts.process.as_ref())
        ),
        command: None,
        effect,
    }
}

/// Fewer connections for the same work.
pub(super) fn share(facts: &Facts) -> Advice {
    Advice {
        title: format!(
            "carry more over each connection of {} (a pool, HTTP/2)",
            who(facts.process.as_ref())
        ),
        command: None,
        effect: format!("{} connections are open now", grouped(facts.live())),
    }
}

/// `tcp_tw_reuse`. None where it is on, or could not work.
pub(super) fn reuse_time_wait(facts: &Facts) -> Option<Advice> {
    let wanted = if facts.loopback { 2 } else { 1 };
    let own = facts.usage.time_wait;
    if facts.tw_reuse.is_none() || facts.reuses() || facts.timestamps == Some(false) || own == 0 {
        return None;
    }
    let needs = match facts.timestamps {
        Some(_) => "",
        None => "; needs TCP timestamps on both sides",
    };
    let risk = if facts.loopback {
        ""
    } else {
        "; risk: a late segment of the old connection may meet the new one, which timestamps \
         alone tell apart, so not with peers or middleboxes that drop or rewrite them"
    };
    Some(Advice {
        title: "let connect take ports back from TIME_WAIT".to_owned(),
        command: Some(inside(
            facts,
            &format!("sysctl -w net.ipv4.tcp_tw_reuse={wanted}"),
        )),
        effect: format!(
            "of {} ports in TIME_WAIT those older than 1 s may be reused{needs}{risk}",
            grouped(own)
        ),
    })
}

/// `IP_BIND_ADDRESS_NO_PORT` where the failing process itself binds first.
pub(super) fn bind_later(facts: &Facts) -> Advice {
    let ports = facts.usable();
    let mut effect = format!(
        "each peer address and port then has {} ports of its own, which all share now",
        grouped(ports)
    );
    if facts.reuses() {
        effect += ", and connect takes those in TIME_WAIT back after 1 s";
    }
    bind_address_no_port(facts.process.as_ref(), effect)
}

fn bind_address_no_port(process: Option<&Stranger>, effect: String) -> Advice {
    Advice {
        title: format!(
            "set IP_BIND_ADDRESS_NO_PORT in {} before it binds",
            who(process)
        ),
        command: None,
        effect,
    }
}

/// What each of the greatest holders of blocked ports should do.
pub(super) fn give_back(facts: &Facts) -> Vec<Option<Advice>> {
    let mut holders: Vec<&BindHolder> = facts.blocked.iter().flatten().collect();
    holders.sort_by_key(|holder| Reverse(holder.ports));
    let remedies = holders
        .into_iter()
        .map(|holder| give_back_one(facts, holder));
    remedies.filter(Option::is_some).take(NAMED).collect()
}

/// None for what nobody can give back before its time.
fn give_back_one(facts: &Facts, holder: &BindHolder) -> Option<Advice> {
    let who = who(holder.process.as_ref());
    let effect = format!(
        "gives {} of {} ports back to every connection",
        grouped(holder.ports),
        grouped(facts.usable())
    );
    let range = list(&[facts.range]);
    let title = match holder.kind {
        HolderKind::BoundBeforeConnect => {
            return Some(bind_address_no_port(holder.process.as_ref(), effect));
        }
        HolderKind::Listener => format!("move the listeners of {who} out of {range}"),
        HolderKind::Idle => format!("have {who} close the sockets that it only bound"),
        HolderKind::TimeWait => return None,
    };
    Some(Advice {
        title,
        command: None,
        effect,
    })
}

/// More peer or source addresses.
pub(super) fn more_addresses(facts: &Facts) -> Advice {
    let mut effect = format!(
        "each further pair of addresses adds {} ports",
        grouped(facts.usage.capacity)
    );
    let counted = [
        (facts.peers, "peer"),
        (facts.local_addresses, "source address"),
    ];
    for (count, what) in counted {
        if let Some(count) = count {
            effect += &format!(
                "; {} {what}{} now",
                grouped(count),
                match (count, what.ends_with('s')) {
                    (1, _) => "",
                    (_, true) => "es",
                    (_, false) => "s",
                }
            );
        }
    }
    Advice {
        title: format!(
            "use more peer addresses, or more source addresses, in {}",
            who(facts.process.as_ref())
        ),
        command: None,
        effect: effect + "; bind source addresses with IP_BIND_ADDRESS_NO_PORT",
    }
}

/// Where else ports run out.
pub(super) fn look_at_snat(facts: &Facts) -> Advice {
    Advice {
        title: "look at what translates addresses on the way: NAT gateway, conntrack, egress proxy"
            .to_owned(),
        command: Some("conntrack -S".to_owned()),
        effect: format!(
            "here the tuple has room for {} more connections; insert_failed or drop that rise \
             there are the shortage",
            grouped(facts.usage.headroom().sure)
        ),
    }
}

fn inside(facts: &Facts, command: &str) -> String {
    match &facts.enter {
        Some(enter) => format!("{enter} {command}"),
        None => command.to_owned(),
    }
}

fn who(process: Option<&Stranger>) -> String {
    process.map_or_else(
        || "the process".to_owned(),
        |process| format!("{}[{}]", process.comm, process.pid),
    )
}
