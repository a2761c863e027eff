//! What a connection costs: run time of the BPF programs, and the rate that is left.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::{
    bpf,
    sockets::connect_and_close,
    table::{Row, Table, median},
    tracer::{Subject, Tracer},
};
use crate::support::{interrupt::Interrupt, netns::Namespace};

/// One run of the traffic beside a tracer, in a namespace without a past: TIME_WAIT of earlier
/// runs would slow later ones down.
fn run(tracer: Option<&Tracer>, connections: u32) -> Result<Measured> {
    let namespace = Namespace::create("bench")?;
    namespace.sysctl("ipv4/ip_local_port_range", "1024 65535")?;
    let bpf_time = || tracer.map_or(Ok(0), |tracer| bpf::run_time_ns(tracer.pid()));
    let before = bpf_time()?;
    let time = namespace.run(|| connect_and_close(connections))?;
    Ok(Measured {
        bpf_ns: (bpf_time()? - before) as f64 / f64::from(connections),
        micros: time.as_secs_f64() * 1e6 / f64::from(connections),
    })
}

/// Figures for one connection.
struct Measured {
    bpf_ns: f64,
    micros: f64,
}

/// BPF run time, as the kernel counts it.
pub fn bpf_time(
    portwatch: &Path,
    connections: u32,
    interrupt: &Interrupt,
    table: &mut Table,
) -> Result<()> {
    let _stats = bpf::Stats::enable()?;
    let measure = |subject| -> Result<f64> {
        interrupt.check()?;
        let tracer = Tracer::start(subject, portwatch)?;
        let figures: Result<Vec<f64>> = (0..3)
            .map(|_| Ok(run(tracer.as_ref(), connections)?.bpf_ns))
            .collect();
        Ok(median(
            &figures.with_context(|| format!("measuring {subject:?}"))?,
        ))
    };
    let own = measure(Subject::Portwatch)?;
    let lean = measure(Subject::Lean)?;
    let script = measure(Subject::Script)?;
    let empty = measure(Subject::Empty)?;
    table.0.push(Row {
        what: "BPF run time for a loopback connection, connect to close".into(),
        portwatch: format!("{own:.0} ns; without errno and timers {lean:.0} ns"),
        peers: format!(
            "bpftrace script by tuple {script:.0} ns ({:.2}x), empty bpftrace program {empty:.0} ns",
            script / own
        ),
        budget: "<= 450 ns",
    });
    Ok(())
}

/// Connections a second, the subjects taking turns.
pub fn rate(
    portwatch: &Path,
    connections: u32,
    rounds: u32,
    interrupt: &Interrupt,
    table: &mut Table,
) -> Result<()> {
    let subjects = [
        Subject::Untraced,
        Subject::Portwatch,
        Subject::Lean,
        Subject::Script,
    ];
    let mut micros = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        for (subject, figures) in subjects.iter().zip(&mut micros) {
            interrupt.check()?;
            let tracer = Tracer::start(*subject, portwatch)?;
            figures.push(run(tracer.as_ref(), connections)?.micros);
        }
    }
    let [untraced, own, lean, script] = micros.map(|figures| median(&figures));
    table.0.push(Row {
        what: format!("connect/close loop, rate traced / untraced, median of {rounds} rounds"),
        portwatch: format!(
            "{:.3} ({own:.1} us a connection); without errno and timers {:.3}",
            untraced / own,
            untraced / lean
        ),
        peers: format!(
            "untraced {untraced:.1} us; bpftrace script {:.3} ({script:.1} us)",
            untraced / script
        ),
        budget: ">= 0.93",
    });
    Ok(())
}
