//! How long somebody waits who looks into an incident on a large host.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};

use super::{
    crowd::wall_ms,
    table::{Row, Table, median},
};
use crate::support::{interrupt::Interrupt, netns::Namespace};

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
