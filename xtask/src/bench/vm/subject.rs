//! What runs beside the traffic in a guest: portwatch with each hook set, and its peers.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::{
    bench::tracer::{Subject, Tracer},
    support::{
        packages::{self, BPFTRACE, Program, TCPCONNECT, TCPSTATES},
        privilege::find,
    },
    vm::HOOK_SETS,
};

/// A bpftrace script that counts connections by tuple.
pub const SCRIPT: &str = "bpftrace script";
/// A bpftrace script of the same tracepoint that does nothing.
pub const EMPTY: &str = "empty bpftrace program";
/// Nothing: how far apart two equal runs are.
pub const UNTRACED: &str = "untraced";

/// Starts what has this name; none for nothing.
///
/// # Errors
/// When it can't be started, or does not get ready.
pub fn start(name: &str, portwatch: &Path) -> Result<Option<Tracer>> {
    if HOOK_SETS.contains(&name) {
        let (tracer, _) = Tracer::portwatch(portwatch, &["--hooks", name])?;
        return Ok(Some(tracer));
    }
    match name {
        UNTRACED => Ok(None),
        SCRIPT => Tracer::start(Subject::Script, portwatch),
        EMPTY => Tracer::start(Subject::Empty, portwatch),
        tool => Tracer::silent(&mut Command::new(tool)).map(Some),
    }
}

/// A program that measures beside portwatch, and the subjects that need it.
struct Peer {
    program: Program,
    /// Its name where another package has taken the first one.
    other: Option<&'static str>,
    subjects: &'static [&'static str],
}

/// What can be measured here, and what can't.
#[derive(Default)]
pub struct Peers {
    /// Programs that the guest needs.
    pub tools: Vec<String>,
    /// Subjects that need them.
    pub subjects: Vec<String>,
    /// Subjects that there are not, with the reason.
    pub missing: Vec<String>,
}

impl Peers {
    /// Looks for every peer; installs those that are missing, where that works.
    #[must_use]
    pub fn find() -> Self {
        let peers = [
            Peer {
                program: BPFTRACE,
                other: None,
                subjects: &[SCRIPT, EMPTY],
            },
            Peer {
                program: TCPCONNECT,
                other: Some("tcpconnect-libbpf"),
                subjects: &["tcpconnect"],
            },
            Peer {
                program: TCPSTATES,
                other: Some("tcpstates-libbpf"),
                subjects: &["tcpstates"],
            },
        ];
        let mut found = Self::default();
        for peer in peers {
            let names = peer.subjects.join(", ");
            match peer.tool() {
                Ok(tool) if peer.other.is_some() => {
                    found.subjects.push(tool.clone());
                    found.tools.push(tool);
                }
                Ok(tool) => {
                    found.tools.push(tool);
                    found
                        .subjects
                        .extend(peer.subjects.iter().map(|&s| s.to_owned()));
                }
                Err(error) => found.missing.push(format!("{names}: {error:#}")),
            }
        }
        found
    }
}

impl Peer {
    fn tool(&self) -> Result<String> {
        let names = || {
            [Some(self.program.name()), self.other]
                .into_iter()
                .flatten()
        };
        let here = || names().find_map(find);
        let path = match here() {
            Some(path) => path,
            None => {
                packages::ensure(std::slice::from_ref(&self.program))?;
                here().context("its package does not hold it")?
            }
        };
        // bcc has tools of these names in Python too, which would compile their programs with LLVM
        // and the kernel's headers: too much for a guest.
        let head = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        if !head.starts_with(b"\x7fELF") {
            bail!("{} is not a compiled program", path.display());
        }
        let name = path.file_name().unwrap_or_default();
        Ok(name.to_string_lossy().into_owned())
    }
}
