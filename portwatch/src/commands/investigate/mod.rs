//! A close look at one tuple: by the kernel's own tables, by the processes, and by what a tracer
//! has seen.

mod evidence;
mod names;
mod target;

pub(super) use evidence::{Evidence, gather, look_for_processes};
pub(super) use names::openers;
pub(super) use target::Target;

use anyhow::Result;
use jiff::Timestamp;

use crate::{
    kernel::{host::kernel_release, openers::Processes},
    model::{Ages, BindHolder, Facts, Opener, Report, Stranger, Usage, Watched, explain},
    tracer::{Answer, Observer, Ports},
};

/// Looks closely at a tuple. `asked`: somebody wants to know about this very one.
///
/// # Errors
/// When its namespace or its tables can't be read.
pub(super) fn investigate(
    target: &Target,
    watched: &Watched,
    observer: &Observer,
    ports: &mut Ports,
    asked: bool,
) -> Result<Report> {
    let processes = look_for_processes(target, observer, ports)?;
    let evidence = gather(target, observer, ports, processes)?;
    Ok(conclude(evidence, watched, observer, asked))
}

/// Puts together what was found. `observer` knows the names of processes that have ended; `asked`:
/// somebody wants to know about this very tuple.
pub(super) fn conclude(
    evidence: Evidence,
    watched: &Watched,
    observer: &Observer,
    asked: bool,
) -> Report {
    let mut ages = Ages::default();
    for connection in &evidence.connections {
        ages.add(connection.age);
    }
    let openers = openers(&evidence.connections, observer, &mut Processes::default());
    let facts = facts(&evidence, watched, &openers, asked);
    let explanation = explain(&facts);
    let Evidence {
        answer,
        look,
        blockers,
        ..
    } = evidence;
    Report {
        time: Timestamp::now(),
        kernel: kernel_release(),
        tuple: answer.tuple,
        namespace: answer.namespace,
        search: answer.search,
        room: answer.room,
        forecast: facts.forecast,
        states: look.states,
        ages,
        openers,
        blockers,
        failures: facts.failures,
        watched_since: watched.since,
        failing_since: watched.failing_since,
        explanation,
    }
}

fn facts(evidence: &Evidence, watched: &Watched, openers: &[Opener], asked: bool) -> Facts {
    let Evidence {
        answer,
        look,
        reserved,
        blockers,
        enter,
        ..
    } = evidence;
    let Answer {
        tuple,
        namespace,
        room,
        ..
    } = answer;
    let live = look.live.clone().difference(&answer.blocked);
    let time_wait = look.time_wait.clone().difference(&answer.blocked);
    let outside = |port: &u16| *port >= 1024 && !namespace.range.contains(*port);
    let count = |count: usize| u32::try_from(count).ok();
    let blockers = blockers.as_ref().ok();
    Facts {
        peer_ip: Some(tuple.peer_ip),
        peer_port: Some(tuple.peer_port),
        usage: Usage {
            used: live.union(&time_wait).len(),
            time_wait: time_wait.len(),
            reclaimable: Some(room.reclaimable),
            capacity: room.capacity,
            room: Some(room.headroom),
        },
        forecast: watched.forecast,
        range: namespace.range,
        reserved: reserved.clone(),
        blocked: blockers.map(|list| list.iter().filter_map(BindHolder::of).collect()),
        process: openers.iter().find_map(stranger),
        peers: count(look.peers.len()),
        local_addresses: count(look.local_addresses.len()),
        live_trend: watched.trend,
        failures: watched.failures,
        // Why else should anybody ask?
        failed_elsewhere: asked.then_some(1),
        tw_reuse: namespace.tw_reuse,
        timestamps: namespace.timestamps,
        loopback: tuple.peer_ip.is_loopback() || tuple.local_ip.is_some_and(|ip| ip.is_loopback()),
        listeners: Some(look.listeners.iter().copied().filter(outside).collect()),
        enter: enter.clone(),
    }
}

fn stranger(opener: &Opener) -> Option<Stranger> {
    let process = opener.process.as_ref()?;
    Some(Stranger {
        pid: process.pid,
        comm: process.comm.clone(),
    })
}
