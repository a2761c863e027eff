//! Tracers at work: portwatch, and bpftrace scripts as its peers.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::support::child::Guarded;

/// What runs beside the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Nothing.
    Untraced,
    /// `portwatch watch`.
    Portwatch,
    /// `portwatch watch` without the hooks that can be switched off: on connect's errno and on
    /// every timer.
    Lean,
    /// A bpftrace script that counts connections by tuple.
    Script,
    /// A bpftrace script of the same tracepoint that does nothing.
    Empty,
}

const LEAN: [&str; 4] = ["--connect-errno", "off", "--time-wait", "sweep"];

/// Counts what a script can count: connections that this host opened, by tuple, without
/// TIME_WAIT. A set of client sockets, because the tracepoint does not tell clients from servers.
const SCRIPT: &str = r"
tracepoint:sock:inet_sock_set_state /args->protocol == 6/ {
    if (args->newstate == 2) { @client[args->skaddr] = 1; }
    if (@client[args->skaddr]) {
        if (args->newstate == 1) {
            @used[ntop(args->saddr_v6), ntop(args->daddr_v6), args->dport]++;
        }
        if (args->newstate == 7) {
            if (args->oldstate != 2) {
                @used[ntop(args->saddr_v6), ntop(args->daddr_v6), args->dport]--;
            }
            delete(@client[args->skaddr]);
        }
    }
}
interval:ms:200 { printf(`tick\n`); }";
const EMPTY: &str = r"
tracepoint:sock:inet_sock_set_state { }
interval:ms:200 { printf(`tick\n`); }";

/// A tracer that is running, and the lines that it prints.
pub struct Tracer {
    process: Guarded,
    lines: Receiver<(Instant, String)>,
    /// From starting the program to its working.
    pub startup: Duration,
}

impl Tracer {
    /// Starts a tracer; none for [`Subject::Untraced`]. Returns when it traces.
    ///
    /// # Errors
    /// When it can't be started or does not get ready.
    pub fn start(subject: Subject, portwatch: &Path) -> Result<Option<Self>> {
        match subject {
            Subject::Untraced => Ok(None),
            Subject::Portwatch => Self::portwatch(portwatch, &[]).map(|(tracer, _)| Some(tracer)),
            Subject::Lean => Self::portwatch(portwatch, &LEAN).map(|(tracer, _)| Some(tracer)),
            Subject::Script => Self::bpftrace(SCRIPT).map(Some),
            Subject::Empty => Self::bpftrace(EMPTY).map(Some),
        }
    }

    /// Starts `portwatch watch --json`; with it the event `started`.
    ///
    /// # Errors
    /// When it can't be started or does not get ready.
    pub fn portwatch(portwatch: &Path, arguments: &[&str]) -> Result<(Self, Value)> {
        let mut command = Command::new(portwatch);
        command
            .args(["watch", "--standalone", "--json"])
            .args(arguments);
        let mut tracer = Self::spawn(&mut command)?;
        let begin = Instant::now();
        let (at, started) = tracer.event("started", Duration::from_secs(30))?;
        tracer.startup += at.saturating_duration_since(begin);
        Ok((tracer, started))
    }

    fn bpftrace(script: &str) -> Result<Self> {
        // bpftrace reads the tracepoints' formats from tracefs, which not every machine mounts;
        // a mount in a namespace of its own is gone with it.
        let mount =
            "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; exec bpftrace -e \"$0\"";
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", mount, &script.replace('`', "\"")])
            .env("BPFTRACE_MAP_KEYS_MAX", "300000")
            .stderr(Stdio::null());
        let tracer = Self::spawn(&mut command)?;
        // The first tick may come before the last probe is attached.
        for _ in 0..3 {
            let is_tick = |line: &str| (line == "tick").then_some(());
            tracer
                .line(Duration::from_secs(20), is_tick)
                .context("bpftrace did not start")?;
        }
        Ok(tracer)
    }

    /// Starts a program that says nothing of use; what it prints goes nowhere.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn silent(command: &mut Command) -> Result<Self> {
        let begin = Instant::now();
        let process = Guarded::spawn(command.stdin(Stdio::null()).stdout(Stdio::null()))?;
        let (_, lines) = channel();
        Ok(Self {
            process,
            lines,
            startup: begin.elapsed(),
        })
    }

    fn spawn(command: &mut Command) -> Result<Self> {
        let begin = Instant::now();
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Guarded::spawn(command)?;
        let output = BufReader::new(process.stdout()?);
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send((Instant::now(), line)).is_err() {
                    return;
                }
            }
        });
        let startup = begin.elapsed();
        Ok(Self {
            process,
            lines,
            startup,
        })
    }

    /// Process number.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The next event of this kind, and when it was read.
    ///
    /// # Errors
    /// When none comes in time.
    pub fn event(&self, kind: &str, limit: Duration) -> Result<(Instant, Value)> {
        let parse = |line: &str| {
            let event: Value = serde_json::from_str(line).ok()?;
            (event["event"] == kind).then_some(event)
        };
        self.line(limit, parse)
            .with_context(|| format!("portwatch told no event `{kind}`"))
    }

    fn line<T>(&self, limit: Duration, parse: impl Fn(&str) -> Option<T>) -> Result<(Instant, T)> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (at, line) = self.lines.recv_timeout(left)?;
            if let Some(parsed) = parse(&line) {
                return Ok((at, parsed));
            }
        }
    }
}
