//! `portwatch doctor`: what this kernel and these privileges allow.

mod checks;
mod hooks;

use std::io::{self, Write};

use anyhow::{Context, Result};

use super::printer::color;
use crate::{
    cli::{Color, DoctorArgs},
    exit::Exit,
    kernel::{
        btf::Btf,
        host::{Host, kernel_release},
        netns::Discovery,
        offsets, symbols,
    },
    model::{Diagnosis, Readiness, Status},
    output::{json, text},
};

use checks::Facts;

/// Looks at the machine, tries the hook sets, and tells.
///
/// # Errors
/// When the output can't be written.
pub fn run(args: &DoctorArgs) -> Result<Exit> {
    let diagnosis = diagnose();
    let mut report = Vec::new();
    if args.json {
        json::write_diagnosis(&mut report, &diagnosis)?;
    } else {
        text::write_diagnosis(&mut report, &diagnosis, color(Color::Auto))?;
    }
    let mut out = io::stdout().lock();
    let written = out.write_all(&report).and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        return Err(error).context("cannot write to stdout");
    }
    Ok(match diagnosis.readiness() {
        Readiness::Ready => Exit::Ok,
        Readiness::Denied => Exit::Privileges,
        Readiness::Unsupported => Exit::Kernel,
    })
}

fn diagnose() -> Diagnosis {
    let checks = checks::judge(&facts());
    let denied = checks.iter().any(|check| check.status == Status::Denied);
    Diagnosis {
        hooks: hooks::report(denied),
        checks,
    }
}

fn facts() -> Facts {
    let release = kernel_release();
    Facts {
        host: Host::read(),
        structures: Btf::from_kernel()
            .map_err(|error| error.to_string())
            .and_then(|btf| {
                offsets::resolve(&btf, &release)
                    .map(|_| ())
                    .map_err(|error| error.to_string())
            }),
        symbols: symbols::address("tw_timer_handler")
            .map(|_| ())
            .map_err(|error| error.to_string()),
        namespaces: Discovery::new()
            .map(|found| (found.namespaces.len(), found.denied))
            .map_err(|error| error.to_string()),
    }
}
