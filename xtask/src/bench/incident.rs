//! How long somebody waits who looks into an incident on a large host.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{
    crowd::{cpu_ticks, wall_ms},
    table::{Row, Table, median},
};
use crate::support::{interrupt::Interrupt, netns::Namespace, terminal::Terminal};

/// Processes that have nothing to do with it, but have to be looked at.
const PROCESSES: usize = 500;

/// A report on the fullest tuple, whose connections were there before.
pub fn explain(
    portwatch: &Path,
    namespace: &Namespace,
    scale: &str,
    rounds: u32,
    interrupt: &Interrupt,
    table: &mut Table,
) -> Result<()> {
    let _bystanders = Bystanders::start()?;
    let mut command = Command::new(portwatch);
    command.args(["explain", "--netns", namespace.name()]);
    let mut times = Vec::new();
    for _ in 0..rounds {
        interrupt.check()?;
        times.push(wall_ms(&mut command)? / 1e3);
    }
    table.0.push(Row {
        what: format!(
            "explain (watches for 1 s), {scale}, {PROCESSES} further processes, median of {rounds}"
        ),
        portwatch: format!("{:.2} s", median(&times)),
        peers: "-".into(),
        budget: "< 2 s at 100,000 sockets",
    });
    Ok(())
}

/// What the live table costs when nothing happens.
pub fn top(
    portwatch: &Path,
    namespace: &Namespace,
    scale: &str,
    interrupt: &Interrupt,
    table: &mut Table,
) -> Result<()> {
    let _bystanders = Bystanders::start()?;
    let terminal = Terminal::start(portwatch, namespace.name())?;
    // By then it has started, and named the openers for the first time.
    interrupt.sleep_until(Instant::now() + Duration::from_secs(10))?;
    let pid = terminal.pid()?;
    let (before, begin) = (cpu_ticks(pid)?, Instant::now());
    interrupt.sleep_until(begin + Duration::from_secs(10))?;
    let percent = (cpu_ticks(pid)? - before) as f64 / begin.elapsed().as_secs_f64();
    table.0.push(Row {
        what: format!("CPU time of top, 1 s refresh, {scale}, {PROCESSES} further processes"),
        portwatch: format!("{percent:.1} % of a core"),
        peers: "-".into(),
        budget: "< 5 %",
    });
    Ok(())
}

/// Processes that sleep; ended when dropped.
struct Bystanders(Vec<Child>);

impl Bystanders {
    fn start() -> Result<Self> {
        let mut all = Self(Vec::new());
        for _ in 0..PROCESSES {
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
