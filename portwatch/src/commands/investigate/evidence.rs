use std::{collections::HashMap, path::Path, thread};

use anyhow::{Context, Result, anyhow};

use super::Target;
use crate::{
    commands::ask::refused,
    kernel::{
        netns::Netns,
        owners,
        sock_diag::{self, Which},
        sysctl,
    },
    model::{Blocker, Connection, Look, Owner, PortRange, PortSet, SocketRow, Tuple},
    tracer::{Answer, Observer, Ports},
};

/// What the machine's own tables tell of a tuple.
pub(in crate::commands) struct Evidence {
    pub answer: Answer,
    pub look: Look,
    pub reserved: Option<Vec<PortRange>>,
    pub blockers: Result<Vec<Blocker>, String>,
    /// The tuple's connections and who opened each: by what the tracer saw, else by who holds it.
    pub connections: Vec<Connection>,
    /// What leads a command into the namespace; none for the caller's own.
    pub enter: Option<String>,
}

/// What takes long to find out: it means a look at every descriptor of every process.
pub(in crate::commands) struct Processes {
    /// Who holds live connections of the tuple that the tracer did not see open, by port.
    holders: HashMap<u16, u32>,
    blocked: PortSet,
    blockers: Result<Vec<Blocker>, String>,
}

/// Looks for the processes.
///
/// # Errors
/// When the namespace can't be entered, or tables or the set can't be read.
pub(in crate::commands) fn look_for_processes(
    target: &Target,
    observer: &Observer,
    ports: &mut Ports,
) -> Result<Processes> {
    let Target { netns, question } = target;
    let tuple = target.tuple();
    let connections = connections(observer, &tuple)?;
    let unseen = connections
        .iter()
        .filter(|connection| connection.is_unseen());
    let unseen: PortSet = unseen.map(|connection| connection.port).collect();
    thread::scope(|scope| {
        let holders = scope.spawn(|| holders(netns, &tuple, &unseen));
        let blocked = ports.of(netns, question)?.blocked;
        let blockers = blockers(netns, &blocked);
        Ok(Processes {
            holders: holders
                .join()
                .map_err(|_| anyhow!("a thread has panicked"))?,
            blocked,
            blockers,
        })
    })
}

/// Looks at the tables, and at the tracer's set.
///
/// # Errors
/// When the namespace can't be entered, or tables or the set can't be read.
pub(in crate::commands) fn gather(
    target: &Target,
    observer: &Observer,
    ports: &mut Ports,
    processes: Processes,
) -> Result<Evidence> {
    let Target { netns, question } = target;
    let tuple = target.tuple();
    // Each of the three takes a while among very many sockets, and they should be of one moment.
    let (look, mut connections, answer) = thread::scope(|scope| {
        let look = scope.spawn(|| look(netns, &tuple));
        let connections = connections(observer, &tuple)?;
        let answer = ports.of(netns, question)?;
        anyhow::Ok((joined(look)??, connections, answer))
    })?;
    for connection in connections.iter_mut().filter(|it| it.is_unseen()) {
        connection.opener = processes.holders.get(&connection.port).copied();
    }
    let blockers = if answer.blocked == processes.blocked {
        processes.blockers
    } else {
        blockers(netns, &answer.blocked)
    };
    let reserved = netns
        .run(sysctl::reserved_ports)
        .map_err(|error| refused("entering the network namespace", error))?;
    Ok(Evidence {
        answer,
        look,
        reserved: reserved
            .ok()
            .map(|bitmap| PortSet::of_bitmap(&*bitmap).ranges()),
        blockers,
        connections,
        enter: enter(netns),
    })
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> Result<T> {
    thread.join().map_err(|_| anyhow!("a thread has panicked"))
}

fn connections(observer: &Observer, tuple: &Tuple) -> Result<Vec<Connection>> {
    observer
        .connections(tuple)
        .context("cannot read the set of sockets")
}

fn blockers(netns: &Netns, blocked: &PortSet) -> Result<Vec<Blocker>, String> {
    owners::blockers(netns, blocked).map_err(|error| format!("{error:#}"))
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

/// The processes that hold live connections of the tuple, by port.
fn holders(netns: &Netns, tuple: &Tuple, ports: &PortSet) -> HashMap<u16, u32> {
    let groups = owners::holders_of(netns, ports, |socket| SocketRow::from(socket).is_of(tuple));
    let groups = groups.unwrap_or_else(|error| {
        log::warn!("who opened the connections can't be told: {error:#}");
        Vec::new()
    });
    let processes = groups.into_iter().filter_map(|group| match group.owner {
        Owner::Process { pid, .. } => Some((pid, group.ports)),
        Owner::Nobody | Owner::Unknown => None,
    });
    let ports = processes.flat_map(|(pid, ports)| ports.into_iter().map(move |port| (port, pid)));
    ports.collect()
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
