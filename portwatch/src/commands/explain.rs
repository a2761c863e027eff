//! `portwatch explain`: why a tuple runs out of ports, and what to do.

use std::{path::Path, thread, time::Instant};

use anyhow::Result;

use super::ask::{netns, print, question, refused};
use crate::{
    cli::ExplainArgs,
    exit::Exit,
    kernel::{
        netns::{Discovery, Netns},
        owners,
        sock_diag::{self, Which},
        sysctl,
    },
    model::{
        BindHolder, Blocker, Facts, Failures, Forecast, Look, PortSet, SocketRow, Stranger, Tuple,
        Usage, explain,
    },
    tracer::{Answer, free},
};

/// Looks at the tuple for a while and prints what it concludes.
///
/// # Errors
/// When the tuple makes no sense, the tables can't be read, or the output can't be written.
pub fn run(args: &ExplainArgs) -> Result<Exit> {
    let mut found = Discovery::default();
    let netns = netns(&args.ask, &mut found)?;
    let question = netns
        .run(|| question(&args.ask))
        .map_err(|error| refused("entering the network namespace", error))??;
    let tuple = question.tuple(netns);
    let (began, before) = (Instant::now(), look(netns, &tuple)?);
    thread::sleep(args.look);
    let (apart, now) = (began.elapsed(), look(netns, &tuple)?);
    let answer = free(netns, &question)?;
    let blockers = owners::blockers(netns, &answer.blocked).map_err(|error| format!("{error:#}"));
    let mut facts = facts(netns, &answer, &now, blockers.as_deref().ok())?;
    facts.live_trend = before.trend(&now, apart);
    let explanation = explain(&facts);
    print(&answer, blockers.as_deref(), Some(&explanation), args.json)?;
    Ok(Exit::Ok)
}

/// A look at every socket of the namespace.
fn look(netns: &Netns, tuple: &Tuple) -> Result<Look> {
    let looked = netns.run(|| {
        sock_diag::fold(Which::All, Look::default, |look, socket| {
            look.add(tuple, &SocketRow::from(&socket));
        })
    });
    looked.map_err(|error| refused("entering the network namespace", error))?
}

/// Everything that is known; nobody has watched the failures.
fn facts(
    netns: &Netns,
    answer: &Answer,
    look: &Look,
    blockers: Option<&[Blocker]>,
) -> Result<Facts> {
    let Answer {
        tuple,
        namespace,
        room,
        ..
    } = answer;
    let live = look.live.clone().difference(&answer.blocked);
    let time_wait = look.time_wait.clone().difference(&answer.blocked);
    let reserved = netns
        .run(sysctl::reserved_ports)
        .map_err(|error| refused("entering the network namespace", error))?;
    let outside = |port: &u16| *port >= 1024 && !namespace.range.contains(*port);
    let count = |count: usize| u32::try_from(count).ok();
    Ok(Facts {
        peer_ip: Some(tuple.peer_ip),
        peer_port: Some(tuple.peer_port),
        usage: Usage {
            used: live.clone().union(&time_wait).len(),
            time_wait: time_wait.len(),
            reclaimable: Some(room.reclaimable),
            capacity: room.capacity,
            room: Some(room.headroom),
        },
        // Some seconds are too short for one.
        forecast: Forecast::default(),
        range: namespace.range,
        reserved: reserved
            .ok()
            .map(|bitmap| PortSet::of_bitmap(&*bitmap).ranges()),
        blocked: blockers.map(|list| list.iter().filter_map(BindHolder::of).collect()),
        process: process(netns, tuple, &live),
        peers: count(look.peers.len()),
        local_addresses: count(look.local_addresses.len()),
        live_trend: None,
        failures: Failures::default(),
        // Why else should anybody ask?
        failed_elsewhere: Some(1),
        tw_reuse: namespace.tw_reuse,
        timestamps: None,
        loopback: tuple.peer_ip.is_loopback() || tuple.local_ip.is_some_and(|ip| ip.is_loopback()),
        listeners: Some(look.listeners.iter().copied().filter(outside).collect()),
        enter: enter(netns),
    })
}

/// The process that holds most of the tuple's connections.
fn process(netns: &Netns, tuple: &Tuple, live: &PortSet) -> Option<Stranger> {
    let holders = owners::holders_of(netns, live, |socket| SocketRow::from(socket).is_of(tuple));
    let holders = holders.unwrap_or_else(|error| {
        log::warn!("who opened the connections can't be told: {error:#}");
        Vec::new()
    });
    holders.iter().find_map(|group| Stranger::of(&group.owner))
}

/// What leads a command into the namespace; none for the caller's own.
fn enter(netns: &Netns) -> Option<String> {
    let own = Netns::open(Path::new("/proc/thread-self/ns/net")).ok()?;
    if own.inum == netns.inum {
        return None;
    }
    match (&netns.name, &netns.container, netns.pid) {
        (Some(name), None, _) => Some(format!("ip netns exec {}", quoted(name))),
        (_, _, Some(pid)) => Some(format!("nsenter --net=/proc/{pid}/ns/net")),
        _ => None,
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn names_are_words_for_a_shell() {
        assert_eq!(quoted("web-1"), "web-1");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's; $x"), r"'it'\''s; $x'");
        assert_eq!(quoted(""), "''");
    }
}
