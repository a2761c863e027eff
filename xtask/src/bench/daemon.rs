//! The daemon on a busy host: memory, start-up and CPU time, beside a script that asks ss each second.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};
use tempfile::TempDir;

use super::{
    poller,
    sockets::{self, Held},
    table::{Row, Table, median},
    usage::{Meter, resident_mib},
};
use crate::support::{child::Guarded, http, interrupt::Interrupt, netns::Namespace};

const CONNECTIONS: u32 = 200_000;
const TUPLES: u32 = 10_000;
/// A process may have 20,000 open files on many systems.
const PER_HOLDER: u32 = 10_000;

const LISTEN: &str = "127.0.0.1:9817";
/// Room for a start on a slow machine.
const SOON: Duration = Duration::from_secs(30);
/// For connections that end, TIME_WAIT included.
const GONE: Duration = Duration::from_secs(90);
/// A few of the daemon's intervals, in which it looks at all tuples, with answers in between.
const SETTLES: Duration = Duration::from_secs(5);
/// Prometheus' usual pause between two scrapes of a host.
const SCRAPE: Duration = Duration::from_secs(15);
/// As long as from one sweep to the next, where they take most of a second: there is one in it.
const QUIET: Duration = Duration::from_secs(300);
/// Short enough that connections in TIME_WAIT and open ones are fewer than have room.
const CHURN: Duration = Duration::from_secs(30);
const A_SECOND: u32 = 1_000;

/// What is measured, and where.
struct Place<'a> {
    portwatch: &'a Path,
    namespace: &'a Namespace,
    /// For files that only matter while this runs.
    scratch: &'a Path,
    interrupt: &'a Interrupt,
}

/// A daemon that is there before the connections, then others that start among them.
pub fn measure(
    portwatch: &Path,
    rounds: u32,
    interrupt: &Interrupt,
    table: &mut Table,
) -> Result<()> {
    let namespace = sockets::namespace()?;
    let scratch = TempDir::with_prefix("pwbench-").context("making a directory")?;
    let place = Place {
        portwatch,
        namespace: &namespace,
        scratch: scratch.path(),
        interrupt,
    };
    let (mut holders, memory) = before_and_after(&place)?;
    let held: u32 = holders.iter().map(|holder| holder.connections).sum();
    let scale = format!("{held} connections, {TUPLES} tuples");
    let file = place.scratch.join("ss.prom");
    let script = poller::measure(&namespace, &file, (held, TUPLES), interrupt)?;
    eprintln!("memory {memory}");
    let (mut daemon, among_all) = starts(&place, held, rounds)?;
    eprintln!("starts {among_all:.2?} s");
    interrupt.sleep_until(Instant::now() + SETTLES)?;
    let counted = value(&daemon.metrics()?, "portwatch_tracked_sockets")?;
    if counted > f64::from(held) * 1.05 {
        // It counts in all namespaces.
        eprintln!(
            "this machine has connections of its own, {counted} are counted: too many to compare"
        );
    }
    let late = resident_mib(daemon.process.pid())?;
    let quiet = daemon.scraped(QUIET)?;
    let (churn, rate) = beside_churn(&mut daemon)?;
    // Half of the connections have as many sockets as the budget of a start is for.
    holders.truncate(holders.len() / 2);
    let rest: u32 = holders.iter().map(|holder| holder.connections).sum();
    daemon.wait_until_gone(rest)?;
    daemon.process.interrupt()?;
    let (_, among_half) = starts(&place, rest, rounds)?;
    let started =
        |times: &[f64], held: u32| format!("{:.3} s with {} sockets", median(times), 2 * held);
    let seconds = QUIET.as_secs();
    table.0.extend([
        Row {
            what: format!(
                "CPU time of daemon, 1 s interval, {scale}, scraped each 15 s, {seconds} s with {}",
                quiet.sweeps_told()
            ),
            portwatch: format!("{:.2} % of a core", quiet.percent),
            peers: script,
            budget: "< 1 %",
        },
        Row {
            what: format!(
                "the same beside {rate:.0} connects and closes a second, {} s with {}",
                CHURN.as_secs(),
                churn.sweeps_told()
            ),
            portwatch: format!("{:.2} % of a core", churn.percent),
            peers: "-".into(),
            budget: "-",
        },
        Row {
            what: format!("resident memory of daemon, idle / {scale}"),
            portwatch: format!("{memory}; started among them {late:.1} MiB"),
            peers: "-".into(),
            budget: "<= 12 / <= 24 MiB",
        },
        Row {
            what: format!(
                "start of daemon to the count in /metrics, each connection two sockets, median of {rounds}"
            ),
            portwatch: format!(
                "{}, {}",
                started(&among_half, rest),
                started(&among_all, held)
            ),
            peers: "-".into(),
            budget: "< 0.5 s with 200,000 sockets",
        },
    ]);
    Ok(())
}

/// Memory of one that sees the connections come; they stay.
fn before_and_after(place: &Place<'_>) -> Result<(Vec<Held>, String)> {
    let mut daemon = Daemon::start(place)?;
    let rest = || place.interrupt.sleep_until(Instant::now() + SETTLES);
    daemon.wait_for(0)?;
    rest()?;
    let idle = resident_mib(daemon.process.pid())?;
    let begin = Instant::now();
    let holders = sockets::open_many(
        place.namespace,
        CONNECTIONS,
        PER_HOLDER,
        TUPLES / (CONNECTIONS / PER_HOLDER),
        place.interrupt,
    )
    .with_context(|| format!("opening {CONNECTIONS} connections"))?;
    eprintln!(
        "opened {CONNECTIONS} connections in {:.0} s",
        begin.elapsed().as_secs_f64()
    );
    daemon.wait_for(CONNECTIONS)?;
    rest()?;
    daemon.metrics()?;
    let busy = resident_mib(daemon.process.pid())?;
    daemon.process.interrupt()?;
    Ok((holders, format!("{idle:.1} / {busy:.1} MiB")))
}

/// How soon the metrics have the count, of several daemons, seconds. The last one stays.
fn starts<'a>(place: &'a Place<'a>, held: u32, rounds: u32) -> Result<(Daemon<'a>, Vec<f64>)> {
    let mut times = Vec::new();
    let mut start = || -> Result<Daemon<'a>> {
        let begin = Instant::now();
        let mut daemon = Daemon::start(place)?;
        daemon.wait_for(held)?;
        times.push(begin.elapsed().as_secs_f64());
        Ok(daemon)
    };
    let mut daemon = start()?;
    for _ in 1..rounds {
        daemon.process.interrupt()?;
        daemon = start()?;
    }
    Ok((daemon, times))
}

/// While others connect and close; with it how many did so in a second.
fn beside_churn(daemon: &mut Daemon<'_>) -> Result<(Load, f64)> {
    let Place {
        namespace,
        interrupt,
        ..
    } = daemon.place;
    thread::scope(|scope| {
        let churn = scope.spawn(|| namespace.run(|| sockets::churn(A_SECOND, CHURN, interrupt)));
        let load = daemon.scraped(CHURN);
        let count = churn.join().map_err(|_| anyhow!("the churn panicked"))??;
        Ok((load?, f64::from(count) / CHURN.as_secs_f64()))
    })
}

/// What the daemon took for a while.
struct Load {
    percent: f64,
    sweeps: f64,
}

impl Load {
    fn sweeps_told(&self) -> String {
        match self.sweeps {
            0.0 => "no sweep".into(),
            1.0 => "1 sweep".into(),
            sweeps => format!("{sweeps} sweeps"),
        }
    }
}

/// A daemon that serves inside the namespace.
struct Daemon<'a> {
    process: Guarded,
    place: &'a Place<'a>,
    log: PathBuf,
}

impl<'a> Daemon<'a> {
    fn start(place: &'a Place<'a>) -> Result<Self> {
        let write = |name: &str| {
            let path = place.scratch.join(name);
            let file = File::create(&path);
            file.map(|file| (path, file)).context("creating a file")
        };
        // Whatever options this machine's own daemon has.
        let (empty, _) = write("portwatch.toml")?;
        let (log, stderr) = write("daemon.log")?;
        let process = Guarded::spawn(
            place
                .namespace
                .enter(place.portwatch)
                .args(["daemon", "--interval", "1s", "--log", "text"])
                .arg("--socket")
                .arg(place.scratch.join("portwatch.sock"))
                .args(["--listen", LISTEN, "--config"])
                .arg(empty)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(stderr),
        )?;
        Ok(Self {
            process,
            place,
            log,
        })
    }

    /// Waits until it has counted so many connections.
    fn wait_for(&mut self, connections: u32) -> Result<()> {
        self.wait(connections, SOON, |counted| {
            counted >= f64::from(connections)
        })
    }

    /// Waits until it counts little more than so many, of more than there were: some wait for minutes
    /// for the other end's FIN.
    fn wait_until_gone(&mut self, rest: u32) -> Result<()> {
        let most = f64::from(rest) * 1.1;
        self.wait(rest, GONE, |counted| counted <= most)
    }

    fn wait(
        &mut self,
        connections: u32,
        bound: Duration,
        done: impl Fn(f64) -> bool,
    ) -> Result<()> {
        let mut counted = 0.0;
        let interrupt = self.place.interrupt;
        let waited = interrupt.wait_for("the daemon's count", bound, || {
            self.process.require_running()?;
            // It refuses until it has counted for the first time.
            let Ok(text) = self.metrics() else {
                return Ok(false);
            };
            counted = value(&text, "portwatch_tracked_sockets")?;
            Ok(done(counted))
        });
        waited.with_context(|| {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            format!("{counted}, not {connections} connections; the daemon's log: {log}")
        })
    }

    fn metrics(&self) -> Result<String> {
        let url = format!("http://{LISTEN}/metrics");
        self.place.namespace.run(|| http::get(&url, &[]))
    }

    /// Scrapes it for a while as Prometheus does.
    fn scraped(&mut self, time: Duration) -> Result<Load> {
        let sweeps = |text: &str| value(text, "portwatch_sweeps_total");
        let before = sweeps(&self.metrics()?)?;
        let meter = Meter::of(self.process.pid())?;
        let begin = Instant::now();
        let mut last = begin;
        while last < begin + time {
            if self.metrics()?.is_empty() {
                bail!("the daemon serves no metrics");
            }
            last = (last + SCRAPE).min(begin + time);
            self.place.interrupt.sleep_until(last)?;
        }
        let percent = meter.percent()?;
        Ok(Load {
            percent,
            sweeps: sweeps(&self.metrics()?)? - before,
        })
    }
}

/// The value of a metric without labels.
fn value(metrics: &str, name: &str) -> Result<f64> {
    let values = metrics.lines().filter_map(|line| line.split_once(' '));
    let mut values = values.filter_map(|(key, value)| (key == name).then_some(value));
    let value = values.next().and_then(|text| text.parse().ok());
    value.with_context(|| format!("the metrics have no {name}"))
}
