//! Many sockets: one-shot checks, start-up, memory.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::{
    bpf,
    capacity::among_many,
    incident, sockets,
    table::{Row, Table, median},
    tracer::Tracer,
    usage::{Meter, resident_mib},
};
use crate::support::{interrupt::Interrupt, netns::Namespace};

/// Connections a holder process opens; below half the port range, where the kernel's search for a
/// port is quick.
const PER_HOLDER: u32 = 14_000;
const TUPLES: u32 = 10_000;

/// The alarm that is in use where portwatch is not: connections grouped by local address and peer.
const ALARM: &str = "ss -N \"$0\" -tnH state connected '( sport >= :32768 and sport <= :60999 )' \
    | awk '{ sub(/:[0-9]+$/, \"\", $4); used[$4 \" \" $5]++ } \
    END { for (tuple in used) if (used[tuple] > 28232 * 0.8) print tuple, used[tuple] }'";

/// Memory with nothing to watch and with many tuples, and what a socket costs the kernel.
pub fn memory(portwatch: &Path, interrupt: &Interrupt, table: &mut Table) -> Result<()> {
    let namespace = sockets::namespace()?;
    let (tracer, _) = Tracer::portwatch(portwatch, &[])?;
    let idle = resident_mib(tracer.pid())?;
    let maps_before = bpf::map_memory(tracer.pid())?;
    let _held = sockets::open(&namespace, 0, TUPLES, TUPLES)?;
    // Two of its intervals, in which it looks at all tuples.
    interrupt.sleep_until(Instant::now() + Duration::from_secs(2))?;
    let busy = resident_mib(tracer.pid())?;
    let grown = bpf::map_memory(tracer.pid())? - maps_before;
    table.0.push(Row {
        what: format!("resident memory of watch, idle / {TUPLES} tuples"),
        portwatch: format!("{idle:.1} / {busy:.1} MiB"),
        peers: "-".into(),
        budget: "<= 12 / <= 24 MiB",
    });
    table.0.push(Row {
        what: "kernel memory a tracked socket".into(),
        portwatch: format!(
            "{:.0} bytes an entry of the set; all maps {:.1} MiB, grown by {:.1} bytes a socket",
            bpf::bytes_per_entry(tracer.pid())?,
            maps_before as f64 / f64::from(1 << 20),
            grown as f64 / f64::from(TUPLES),
        ),
        peers: "-".into(),
        budget: "<= 100 bytes",
    });
    Ok(())
}

/// One look at very many sockets, and a watcher that starts among them.
pub fn checks(
    portwatch: &Path,
    connections: u32,
    rounds: u32,
    interrupt: &Interrupt,
    table: &mut Table,
) -> Result<()> {
    let namespace = sockets::namespace()?;
    let holders = sockets::open_many(&namespace, connections, PER_HOLDER, 1, interrupt)?;
    let held: u32 = holders.iter().map(|holder| holder.connections).sum();
    let scale = format!("{held} connections, {} sockets", 2 * held);
    one_shot(portwatch, &namespace, &scale, rounds, interrupt, table)?;
    among_many(portwatch, &namespace, &scale, rounds, interrupt, table)?;
    let arguments = ["--netns", namespace.name()];
    incident::explain(portwatch, &arguments, &scale, rounds, interrupt, table)?;
    let (mut startups, mut found) = (Vec::new(), 0);
    for _ in 0..rounds {
        interrupt.check()?;
        let (tracer, started) = Tracer::portwatch(portwatch, &[])?;
        startups.push(tracer.startup.as_secs_f64());
        found = started["sockets"].as_u64().unwrap_or(0);
    }
    table.0.push(Row {
        what: format!("start of watch to first correct count, {scale}"),
        portwatch: format!("{:.3} s ({found} counted)", median(&startups)),
        peers: "-".into(),
        budget: "< 0.5 s at 200,000 sockets",
    });
    steady(portwatch, &scale, interrupt, table)
}

fn one_shot(
    portwatch: &Path,
    namespace: &Namespace,
    scale: &str,
    rounds: u32,
    interrupt: &Interrupt,
    table: &mut Table,
) -> Result<()> {
    let check = |source: &str| {
        let mut command = Command::new(portwatch);
        command.args(["check", "--netns", namespace.name(), "--source", source]);
        command
    };
    let mut ss = Command::new("ss");
    ss.args(["-N", namespace.name(), "-tn"]);
    let mut alarm = Command::new("sh");
    alarm.args(["-c", ALARM, namespace.name()]);
    let mut commands = [check("bpf"), check("netlink"), ss, alarm];
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        for (command, times) in commands.iter_mut().zip(&mut times) {
            interrupt.check()?;
            times.push(wall_ms(command)?);
        }
    }
    let [bpf, netlink, ss, alarm] = times.map(|times| median(&times));
    table.0.push(Row {
        what: format!("check, {scale}, median of {rounds}"),
        portwatch: format!("{bpf:.0} ms (--source netlink: {netlink:.0} ms)"),
        peers: format!(
            "ss -tn {ss:.0} ms ({:.1}x), ss and awk {alarm:.0} ms ({:.1}x)",
            ss / bpf,
            alarm / bpf
        ),
        budget: ">= 2.5x faster than ss -tn",
    });
    Ok(())
}

/// What watching costs when nothing happens.
pub fn steady(
    portwatch: &Path,
    scale: &str,
    interrupt: &Interrupt,
    table: &mut Table,
) -> Result<()> {
    let (tracer, _) = Tracer::portwatch(portwatch, &["--interval", "1s"])?;
    let meter = Meter::of(tracer.pid())?;
    interrupt.sleep_until(Instant::now() + Duration::from_secs(10))?;
    let percent = meter.percent()?;
    table.0.push(Row {
        what: format!("CPU time of watch, 1 s interval, {scale}"),
        portwatch: format!("{percent:.1} % of a core"),
        peers: "-".into(),
        budget: "< 1 %",
    });
    Ok(())
}

/// Runs a command to its end. `check` may find a warning: that is an exit code, no failure.
pub fn wall_ms(command: &mut Command) -> Result<f64> {
    let begin = Instant::now();
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("starting {command:?}"))?;
    let time = begin.elapsed().as_secs_f64() * 1e3;
    if !matches!(status.code(), Some(0..=2)) {
        bail!("{command:?} failed: {status}");
    }
    Ok(time)
}
