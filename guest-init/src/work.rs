//! What the guest is there for.

use std::{fs, process::Command};

use anyhow::{Context as _, Result};
use guest_init::{PLAN, PROGRAMS, Plan, Report, usable};

use crate::{machine, processes, serial::Serial};

/// Follows the plan that the host left, and reports.
pub fn work(serial: &Serial) -> Result<()> {
    let release = machine::read("/proc/sys/kernel/osrelease")?;
    let uptime = machine::uptime()?;
    serial.tell(&Report::Booted { release, uptime });
    let plan = fs::read(PLAN).with_context(|| format!("reading {PLAN}"))?;
    let plan: Plan = serde_json::from_slice(&plan).with_context(|| format!("parsing {PLAN}"))?;
    for module in &plan.modules {
        if let Err(error) = machine::load_module(module) {
            serial.tell(&Report::Complaint(format!("{error:#}")));
        }
    }
    machine::raise_open_files()?;
    if let Some(portwatch) = &plan.portwatch {
        processes::succeed(with(&plan, Command::new("ip")).args(["link", "set", "lo", "up"]))?;
        let mut doctor = with(&plan, Command::new(portwatch));
        let doctor = processes::json(doctor.args(["doctor", "--json"]))?;
        let usable = usable(&doctor, &plan.hooks);
        serial.tell(&Report::Doctor(doctor));
        if usable.is_ok() {
            run(&plan, serial)?;
        }
    }
    let tainted = machine::read("/proc/sys/kernel/tainted")?;
    let tainted = tainted.parse().context("reading kernel.tainted")?;
    serial.tell(&Report::Done { tainted });
    Ok(())
}

fn run(plan: &Plan, serial: &Serial) -> Result<()> {
    for test in &plan.tests {
        serial.tell(&Report::Started(test.name.clone()));
        let mut command = with(plan, Command::new(&test.program));
        let port = || serial.stdio();
        command
            .args(&test.arguments)
            .stdout(port()?)
            .stderr(port()?);
        let code = processes::exit_code(&mut command)?;
        let name = test.name.clone();
        serial.tell(&Report::Ended { name, code });
    }
    Ok(())
}

fn with(plan: &Plan, mut command: Command) -> Command {
    command.env_clear().env("PATH", PROGRAMS).env("HOME", "/");
    command.envs(&plan.environment);
    command
}
