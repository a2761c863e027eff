//! Building what a guest runs.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::support::{process, workspace};

/// Optimised, because emulation is an order of magnitude slower than the machine.
const PROFILE: &str = "guest";

/// The compiled programs.
pub struct Programs {
    /// The guest's first process.
    pub init: PathBuf,
    /// portwatch, where its tests expect it.
    pub portwatch: PathBuf,
    /// portwatch's unit tests.
    pub unit_tests: PathBuf,
    /// The end to end tests.
    pub live_tests: PathBuf,
}

impl Programs {
    /// Compiles them.
    ///
    /// # Errors
    /// When one does not compile.
    pub fn build() -> Result<Self> {
        let tests = ["--package", "portwatch", "--lib", "--test", "live"];
        let tests = artifacts(cargo(&["test", "--no-run"]).args(tests))?;
        let init = artifacts(cargo(&["build"]).args(["--package", "guest-init"]))?;
        Ok(Self {
            init: find(&init, "guest-init", "bin", false)?,
            portwatch: find(&tests, "portwatch", "bin", false)?,
            unit_tests: find(&tests, "portwatch", "lib", true)?,
            live_tests: find(&tests, "live", "test", true)?,
        })
    }
}

pub(super) fn cargo(subcommand: &[&str]) -> Command {
    let mut command = Command::new(workspace::cargo());
    command
        .args(subcommand)
        .args(["--locked", "--profile", PROFILE]);
    command.current_dir(workspace::root());
    command
}

/// What cargo made, as it tells with `--message-format`.
pub(super) fn artifacts(command: &mut Command) -> Result<Vec<Value>> {
    command
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit());
    let messages = process::stdout(command)?;
    let parse = |line| serde_json::from_str(line).context("parsing cargo's messages");
    messages.lines().map(parse).collect()
}

pub(super) fn find(artifacts: &[Value], name: &str, kind: &str, test: bool) -> Result<PathBuf> {
    for artifact in artifacts {
        let target = &artifact["target"];
        if target["name"] == name
            && target["kind"][0] == kind
            && artifact["profile"]["test"] == test
            && let Some(path) = artifact["executable"].as_str()
        {
            return Ok(path.into());
        }
    }
    bail!("cargo built no {kind} {name}")
}
