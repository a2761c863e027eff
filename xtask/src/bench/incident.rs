//! How long somebody waits who looks into an incident on a large host.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{
    crowd::wall_ms,
    sockets::{self, Held},
    table::{Row, Table, median},
    usage::Meter,
};
use crate::support::{interrupt::Interrupt, netns::Namespace, terminal::Terminal};

/// Of the large host: processes, namespaces, and connections and tuples in each of them.
const PROCESSES: u32 = 500;
const NAMESPACES: u32 = 200;
const CONNECTIONS: u32 = 250;
const PEERS: u32 = 50;

/// A large host of many containers: what a report on it takes, and the live table.
pub fn session(
    portwatch: &Path,
    rounds: u32,
    interrupt: &Interrupt,
    table: &mut Table,
) -> Result<()> {
    let _host = Host::fill(interrupt)?;
    let scale = format!(
        "{} sockets, {} tuples, {PROCESSES} processes, {NAMESPACES} namespaces",
        2 * NAMESPACES * CONNECTIONS,
        NAMESPACES * PEERS
    );
    explain(portwatch, &[], &scale, rounds, interrupt, table)?;
    top(portwatch, &scale, interrupt, table)
}

/// A report on the fullest tuple, whose connections were there before.
pub fn explain(
    portwatch: &Path,
    arguments: &[&str],
    scale: &str,
    rounds: u32,
    interrupt: &Interrupt,
    table: &mut Table,
) -> Result<()> {
    let mut command = Command::new(portwatch);
    command.args(["explain", "--standalone"]).args(arguments);
    let mut times = Vec::new();
    for _ in 0..rounds {
        interrupt.check()?;
        times.push(wall_ms(&mut command)? / 1e3);
    }
    table.0.push(Row {
        what: format!("explain (watches for 1 s), {scale}, median of {rounds}"),
        portwatch: format!("{:.2} s", median(&times)),
        peers: "-".into(),
        budget: "< 2 s at 100,000 sockets",
    });
    Ok(())
}

/// What the live table costs when nothing happens.
fn top(portwatch: &Path, scale: &str, interrupt: &Interrupt, table: &mut Table) -> Result<()> {
    let terminal = Terminal::start(portwatch, &[])?;
    // By then it has started, and named the openers of all connections for the first time.
    interrupt.sleep_until(Instant::now() + Duration::from_secs(30))?;
    let meter = Meter::of(terminal.pid()?)?;
    interrupt.sleep_until(Instant::now() + Duration::from_secs(20))?;
    let percent = meter.percent()?;
    table.0.push(Row {
        what: format!("CPU time of top, 1 s refresh, {scale}"),
        portwatch: format!("{percent:.1} % of a core"),
        peers: "-".into(),
        budget: "< 5 %",
    });
    Ok(())
}

/// Connections in many namespaces, one process in each that holds them, and processes that have
/// nothing to do with it, but have to be looked at.
struct Host {
    _held: Vec<Held>,
    _namespaces: Vec<Namespace>,
    _bystanders: Bystanders,
}

impl Host {
    fn fill(interrupt: &Interrupt) -> Result<Self> {
        let (mut namespaces, mut held) = (Vec::new(), Vec::new());
        for n in 0..NAMESPACES {
            interrupt.check()?;
            let namespace = Namespace::create(&format!("bench{n}"))?;
            held.push(sockets::open(&namespace, 0, CONNECTIONS, PEERS)?);
            namespaces.push(namespace);
        }
        Ok(Self {
            _held: held,
            _namespaces: namespaces,
            _bystanders: Bystanders::start(PROCESSES - NAMESPACES)?,
        })
    }
}

/// Processes that sleep; ended when dropped.
struct Bystanders(Vec<Child>);

impl Bystanders {
    fn start(count: u32) -> Result<Self> {
        let mut all = Self(Vec::new());
        for _ in 0..count {
            let mut command = Command::new("sleep");
            let child = command.arg("600").stdin(Stdio::null()).spawn();
            all.0.push(child.context("starting sleep")?);
        }
        Ok(all)
    }
}

impl Drop for Bystanders {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
