//! Running programs as the process that also inherits everybody's orphans.

use std::{
    io::Read as _,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{WaitOptions, wait};

/// Runs a program; its exit code, or none where a signal ended it. Buries the orphans that end
/// meanwhile.
pub fn exit_code(command: &mut Command) -> Result<Option<i32>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let child = command.stdin(Stdio::null()).spawn();
    let child = child.with_context(|| format!("starting {program}"))?;
    loop {
        let ended = wait(WaitOptions::empty()).with_context(|| format!("waiting for {program}"))?;
        if let Some((pid, status)) = ended
            && pid.as_raw_nonzero().get().cast_unsigned() == child.id()
        {
            return Ok(status.exit_status());
        }
    }
}

/// Runs a program that must succeed.
pub fn succeed(command: &mut Command) -> Result<()> {
    match exit_code(command)? {
        Some(0) => Ok(()),
        code => bail!("{command:?} ended with {code:?}"),
    }
}

/// Runs a program and parses what it prints, whatever its exit code.
pub fn json(command: &mut Command) -> Result<serde_json::Value> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("starting {command:?}"))?;
    let mut text = String::new();
    if let Some(mut out) = child.stdout.take() {
        out.read_to_string(&mut text)
            .with_context(|| format!("reading from {command:?}"))?;
    }
    let status = child
        .wait()
        .with_context(|| format!("waiting for {command:?}"))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{command:?} ended with {status} and wrote {text:?}"))
}
