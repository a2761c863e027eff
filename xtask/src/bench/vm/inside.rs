//! The measuring program inside a guest.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::{
    finding::{Figures, Finding},
    subject,
};
use crate::{
    bench::{bpf, sockets::connect_and_close, tracer::Tracer},
    support::{limits, netns::Namespace},
};

/// Longest wait for a tracer's programs to run, and for the guest to have nothing to do.
const LIMIT: Duration = Duration::from_secs(60);
/// Over which the guest's idleness is looked at.
const WINDOW: Duration = Duration::from_millis(300);
const IDLE: f64 = 0.9;

/// Measures inside a guest for `cargo xtask bench --vm`, which starts it there.
#[derive(clap::Args)]
pub struct Args {
    /// portwatch
    #[arg(long)]
    portwatch: PathBuf,
    /// Connections of a run
    #[arg(long)]
    connections: u32,
    /// Runs of each subject
    #[arg(long)]
    rounds: u32,
    /// What runs beside the traffic
    subjects: Vec<String>,
}

/// The hidden subcommand `measure`: prints a [`Finding`] for each run.
pub fn measure(args: Args) -> Result<()> {
    limits::raise_open_files()?;
    let mut out = std::io::stdout();
    for _ in 0..args.rounds {
        for subject in &args.subjects {
            let result = compare(subject, &args.portwatch, args.connections);
            let finding = Finding {
                subject: subject.clone(),
                result: result.map_err(|error| format!("{error:#}")),
            };
            let line = serde_json::to_string(&finding).context("writing figures")?;
            writeln!(out, "{line}").context("telling figures")?;
        }
    }
    Ok(())
}

/// One run without and two with the tracer; the kernel counts run time only in the second of these,
/// because counting takes time too.
fn compare(subject: &str, portwatch: &Path, connections: u32) -> Result<Figures> {
    let untraced = Traffic::run(connections, None)?;
    let tracer = subject::start(subject, portwatch)?;
    if let Some(tracer) = &tracer {
        wait_until_it_traces(tracer)?;
    }
    let traced = Traffic::run(connections, None)?;
    let counted = {
        let _stats = bpf::Stats::enable()?;
        Traffic::run(connections, tracer.as_ref())?
    };
    Ok(Figures {
        untraced_us: untraced.micros,
        traced_us: traced.micros,
        closed_ns: counted.closed_ns,
        released_ns: counted.released_ns,
    })
}

/// Figures for one connection of a run.
struct Traffic {
    micros: f64,
    closed_ns: f64,
    released_ns: f64,
}

impl Traffic {
    /// A run in a namespace without a past, in a guest that does nothing else. `counted` is the
    /// tracer whose programs' run time counts.
    fn run(connections: u32, counted: Option<&Tracer>) -> Result<Self> {
        let namespace = Namespace::create("bench")?;
        namespace.sysctl("ipv4/ip_local_port_range", "1024 65535")?;
        // A small machine allows fewer than a run leaves behind.
        namespace.sysctl("ipv4/tcp_max_tw_buckets", "1000000")?;
        wait_until_idle()?;
        let bpf_time = || counted.map_or(Ok(0), |tracer| bpf::run_time_ns(tracer.pid()));
        let before = bpf_time()?;
        let time = namespace.run(|| connect_and_close(connections))?;
        let closed = bpf_time()?;
        drop(namespace);
        wait_until_idle()?;
        let released = bpf_time()?;
        let each = |total: f64| total / f64::from(connections);
        Ok(Self {
            micros: each(time.as_secs_f64() * 1e6),
            closed_ns: each((closed - before) as f64),
            released_ns: each((released - before) as f64),
        })
    }
}

/// Not every tool tells when it is ready; its programs' run time does.
fn wait_until_it_traces(tracer: &Tracer) -> Result<()> {
    let _stats = bpf::Stats::enable()?;
    let namespace = Namespace::create("ready")?;
    let deadline = Instant::now() + LIMIT;
    while bpf::run_time_ns(tracer.pid())? == 0 {
        if Instant::now() > deadline {
            bail!("it traces nothing");
        }
        namespace.run(|| connect_and_close(1))?;
    }
    Ok(())
}

/// The kernel removes a namespace, and a tracer works on what it saw, after everybody else.
fn wait_until_idle() -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    let mut before = processor_time()?;
    loop {
        thread::sleep(WINDOW);
        let now = processor_time()?;
        let (idle, all) = (now.0 - before.0, now.1 - before.1);
        if all > 0 && idle as f64 / all as f64 >= IDLE {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("the guest does not become idle");
        }
        before = now;
    }
}

/// Time of all processors, idle and in all, in clock ticks.
fn processor_time() -> Result<(u64, u64)> {
    let text = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
    let line = text.lines().next().unwrap_or_default();
    let fields = line.split_whitespace().skip(1).map(str::parse);
    let fields: Vec<u64> = fields
        .collect::<Result<_, _>>()
        .context("parsing /proc/stat")?;
    // user nice system idle iowait irq softirq …; see proc_stat(5).
    let idle = fields.get(3).context("/proc/stat tells no idle time")?;
    Ok((*idle, fields.iter().sum()))
}
