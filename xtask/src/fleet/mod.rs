//! `cargo xtask fleet`: three hosts, a real Prometheus, and an outage on one of them.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddrV4},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

mod host;
mod prometheus;
mod rules;

use host::{Host, PORTS};
use prometheus::{Prometheus, Seen};

use crate::{
    demo::{
        haproxy::Haproxy,
        load::{Backends, Clients},
    },
    run::release_build,
    support::{
        interrupt::Interrupt,
        limits,
        netns::Namespace,
        packages::{self, HAPROXY, IP, PROMETHEUS, PROMTOOL},
        privilege,
    },
};

/// Has a real Prometheus watch three daemons while one host runs out of ports.
///
/// Each host is a network namespace. Fails unless exactly the right alerts of dist/prometheus become
/// pending, fire and end, for that host alone, and what Prometheus has stored is what `portwatch
/// check` counts. Durations in the rules are divided by 15, and so are the times between scrapes: one
/// second stands for the fifteen that docs/operating.md advises. At a speed of 1 it takes half an hour.
#[derive(clap::Args)]
pub struct Args {
    /// How many times faster than in life rules and scrapes go
    #[arg(long, value_name = "N", default_value_t = 15)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=15))]
    speed: u32,
    /// Use this portwatch instead of building one
    #[arg(long, value_name = "PATH")]
    portwatch: Option<PathBuf>,
}

/// Seconds between two scrapes, in life.
const SCRAPES: u32 = 15;
const HOSTS: u8 = 3;
/// The one with the outage.
const UNLUCKY: usize = 1;
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8001);
/// At this rate ports last for 25 seconds at full speed, in life for eight minutes.
const ARRIVALS_PER_SECOND: u32 = 20;
const LATE: u32 = 5;
/// Everything that has to be seen of the outage. A tuple that is above a threshold stays there until
/// both alerts on thresholds fire; it fills up in less time than four hours, but not for as long as
/// takes to call it a slow leak.
const EXPECTED: [(&str, &str); 8] = [
    ("PortwatchExhaustionImminent", "firing"),
    ("PortwatchExhaustionImminent", "pending"),
    ("PortwatchExhaustionPredicted", "pending"),
    ("PortwatchPortsExhausted", "firing"),
    ("PortwatchTupleCritical", "firing"),
    ("PortwatchTupleCritical", "pending"),
    ("PortwatchTupleFilling", "firing"),
    ("PortwatchTupleFilling", "pending"),
];

pub fn run(args: Args) -> Result<()> {
    let portwatch = match args.portwatch {
        Some(path) => std::path::absolute(path).context("where the program is")?,
        None => release_build()?,
    };
    if !privilege::is_root() {
        let speed = args.speed.to_string();
        let again = ["fleet".into(), "--speed".into(), speed.into()];
        let again = [&again[..], &["--portwatch".into(), portwatch.into()]].concat();
        return privilege::again_as_root(&again);
    }
    packages::ensure(&[HAPROXY, IP, PROMETHEUS, PROMTOOL])?;
    limits::raise_open_files()?;
    let interrupt = Interrupt::install()?;

    let scratch = tempfile::TempDir::with_prefix("pwfleet-").context("making a directory")?;
    let monitor = Namespace::create("monitor")?;
    let mut hosts = (0..HOSTS)
        .map(|number| Host::start(number, &monitor, &portwatch, scratch.path()))
        .collect::<Result<Vec<_>>>()?;
    for host in &mut hosts {
        host.wait_until_well(&monitor, &interrupt)?;
    }
    let rules = scratch.path().join("portwatch.rules.yml");
    let in_life = |seconds| Duration::from_secs(seconds) / args.speed;
    rules::write_faster(args.speed.into(), &rules)?;
    let targets: Vec<String> = hosts.iter().map(Host::instance).collect();
    let every = in_life(SCRAPES.into());
    let mut prometheus = Prometheus::start(&monitor, scratch.path(), &targets, every, &interrupt)?;
    for host in &hosts {
        let text = host.metrics(&monitor)?;
        prometheus::check_metrics(&text, &scratch.path().join("metrics"))?;
    }
    println!("{HOSTS} hosts are scraped, and promtool finds no fault in rules and metrics");
    agree(&hosts, &prometheus, &interrupt)?;

    let unlucky = &hosts[UNLUCKY];
    let backends = unlucky.namespace.run(|| Backends::listen(&[SERVER]))?;
    let proxy = SocketAddrV4::new(unlucky.address, 5000);
    let mut haproxy = Haproxy::start(&unlucky.namespace, &[(proxy, &[SERVER])])?;
    let mut clients = Clients::default();
    println!("clients arrive at {}, and stay", unlucky.instance());
    let rate = ARRIVALS_PER_SECOND * args.speed / SCRAPES;
    monitor.run(|| clients.arrive(PORTS, rate, proxy, &interrupt))?;
    println!("every port is taken; a few clients more");
    monitor.run(|| clients.arrive(LATE, LATE, proxy, &interrupt))?;
    haproxy.require_running()?;
    interrupt.wait_for("HAProxy to run out of ports", SOON, || {
        Ok(haproxy.no_free_ports() >= u64::from(LATE))
    })?;
    agree(&hosts, &prometheus, &interrupt)?;
    // Ten minutes in life, the longest time that an alert of the outage waits.
    let fires = || {
        Ok(prometheus
            .alerts()?
            .iter()
            .any(|seen| seen.is("PortwatchTupleFilling", "firing")))
    };
    interrupt.wait_for("the last alert to fire", in_life(10 * 60) + SOON, fires)?;
    println!("the sessions end");
    backends.end_sessions(Duration::from_secs(2), &interrupt)?;
    clients.leave(Duration::from_secs(1), &interrupt)?;
    let all_quiet = || Ok(prometheus.alerts()?.is_empty());
    interrupt.wait_for("all alerts to end", in_life(5 * 60) + SOON, all_quiet)?;
    agree(&hosts, &prometheus, &interrupt)?;
    prometheus.require_running()?;
    let history = prometheus.history()?;
    for host in hosts {
        host.stop()?;
    }
    verdict(&history, &targets[UNLUCKY])
}

/// Room for scrapes, evaluations and a slow machine.
const SOON: Duration = Duration::from_secs(60);

/// Waits until Prometheus has of each host what `portwatch check` counts there.
fn agree(hosts: &[Host], prometheus: &Prometheus<'_>, interrupt: &Interrupt) -> Result<()> {
    for host in hosts {
        let instance = host.instance();
        let (mut counted, mut stored) = Default::default();
        let same = interrupt.wait_for("metrics and check to agree", SOON, || {
            counted = host.check()?;
            stored = prometheus.ports(&instance)?;
            // One that failed of late is still shown when it holds no port any more; check lists it not.
            stored.retain(|_, [used, ..]| *used > 0);
            Ok(counted == stored && !counted.is_empty())
        });
        same.with_context(|| {
            format!("{instance}: check counts {counted:?}, Prometheus has {stored:?}")
        })?;
        println!("{instance}: check and Prometheus agree: {counted:?}");
    }
    Ok(())
}

fn verdict(history: &BTreeSet<Seen>, unlucky: &str) -> Result<()> {
    for seen in history {
        println!("seen: {seen}");
    }
    let expected: BTreeSet<Seen> = EXPECTED
        .iter()
        .map(|(alert, state)| Seen::new(alert, state, unlucky))
        .collect();
    if *history != expected {
        let show =
            |set: BTreeSet<&Seen>| -> Vec<String> { set.iter().map(ToString::to_string).collect() };
        let missing = show(expected.difference(history).collect());
        let wrong = show(history.difference(&expected).collect());
        bail!("alerts that are missing: {missing:?}; that should not be: {wrong:?}");
    }
    println!("exactly these, all on {unlucky}, and all have ended");
    Ok(())
}
