//! `cargo xtask demo`: a real HAProxy runs out of ports, portwatch watches.
//!
//! The incident is a published one: a load balancer with long-lived connections to four servers
//! on its own host, one tuple each. Scaled down from 28,232 ports a tuple to 500.

use std::{
    ffi::OsString,
    io::Read as _,
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Result, bail};
use serde_json::json;

mod bound;
pub mod haproxy;
pub mod load;
mod story;
mod watcher;

use bound::BoundClients;
use haproxy::Haproxy;
use load::{Backends, Clients};
use story::Expected;
use watcher::Watchers;

use crate::{
    run::release_build,
    support::{
        interrupt::Interrupt, limits, netns::Namespace, packages, privilege, terminal::Terminal,
    },
};

/// Replays an outage: HAProxy runs out of local ports, and portwatch tells.
///
/// Everything happens in private network namespaces, and is removed at the end. Fails unless
/// portwatch warned first, named the culprit and counted exactly what HAProxy counted.
#[derive(clap::Args)]
pub struct Args {
    /// The events as JSON, one a line, and a line with the verdict at the end
    #[arg(long)]
    json: bool,
    /// Stop at the worst moment, so that you can look around, until Enter
    #[arg(long)]
    keep: bool,
    /// Before that, let other programs take half of the ports by bind(2), which nothing that counts
    /// connections sees
    #[arg(long)]
    bound: bool,
    /// Draw `portwatch top` at the worst moment, as FILE.svg and, of one tuple, FILE-tuple.svg
    #[arg(long, value_name = "FILE")]
    screenshot: Option<PathBuf>,
    /// Use this portwatch instead of building one
    #[arg(long, value_name = "PATH")]
    portwatch: Option<PathBuf>,
}

const PORTS: u32 = 500;
const BACKENDS: usize = 4;
/// Where HAProxy listens for clients of all servers, and for clients of the first one only.
const PROXY: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const EVERYBODY: SocketAddrV4 = SocketAddrV4::new(PROXY, 5000);
const FIRST_ONLY: SocketAddrV4 = SocketAddrV4::new(PROXY, 5001);
/// Where the clients that are bound are connected to.
const ELSEWHERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9000);
const ARRIVALS_PER_SECOND: u32 = 150;
/// Clients that find HAProxy out of ports one at a time, and all at once.
const LATE: u32 = 8;
const STORM: u32 = 200;

pub fn run(args: Args) -> Result<()> {
    let portwatch = match args.portwatch {
        Some(path) => path,
        None => release_build()?,
    };
    if !privilege::is_root() {
        let mut again: Vec<OsString> = vec!["demo".into(), "--portwatch".into(), portwatch.into()];
        again.extend(args.json.then(|| "--json".into()));
        again.extend(args.keep.then(|| "--keep".into()));
        again.extend(args.bound.then(|| "--bound".into()));
        if let Some(file) = args.screenshot {
            again.extend(["--screenshot".into(), file.into()]);
        }
        return privilege::again_as_root(&again);
    }
    packages::ensure(&[packages::HAPROXY, packages::IP])?;
    if args.screenshot.is_some() {
        packages::ensure(&[packages::TMUX])?;
    }
    // The demo holds both ends of some 2,000 connections.
    limits::raise_open_files()?;
    let interrupt = Interrupt::install()?;
    let say = |text: &str| {
        if !args.json {
            println!("\n=== {text}\n");
        }
    };

    let (inside, outside) = namespaces()?;
    let addresses =
        [8001, 8002, 8003, 8004].map(|port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
    let servers: Vec<_> = addresses.iter().copied().chain([ELSEWHERE]).collect();
    let backends = inside.run(|| Backends::listen(&servers))?;
    let mut haproxy = Haproxy::start(
        &inside,
        &[(EVERYBODY, &addresses), (FIRST_ONLY, &addresses[..1])],
    )?;
    say(&format!(
        "HAProxy before {BACKENDS} servers on its own host. Each session needs one of {PORTS} \
         local ports, for each server. portwatch watch --netns {}:",
        inside.name()
    ));
    let (taken, _bound) = if args.bound {
        let taken = PORTS / 2;
        let clients = inside.run(|| BoundClients::connect(taken, ELSEWHERE))?;
        say(&format!(
            "{taken} other clients are bound to ports of the range, which leaves {}",
            PORTS - taken
        ));
        (taken, Some(clients))
    } else {
        (0, None)
    };
    let capacity = PORTS - taken;
    let mut watchers = Watchers::start(&portwatch, inside.name(), args.json, &interrupt)?;

    let screen = match &args.screenshot {
        Some(_) => Some(Terminal::start(&portwatch, &["--netns", inside.name()])?),
        None => None,
    };

    let mut clients = Clients::default();
    let mut arrive = |clients: &mut Clients, count, per_second, address| {
        outside.run(|| clients.arrive(count, per_second, address, &interrupt))?;
        haproxy.require_running()
    };
    let room = capacity * BACKENDS as u32;
    say(&format!(
        "clients arrive, {ARRIVALS_PER_SECOND} a second, and stay"
    ));
    arrive(&mut clients, room, ARRIVALS_PER_SECOND, EVERYBODY)?;
    say("every port is taken; a few clients more");
    arrive(&mut clients, LATE, LATE, EVERYBODY)?;
    say(&format!(
        "{STORM} clients of one server at once: all are counted, ten a second shown"
    ));
    arrive(&mut clients, STORM, 4 * STORM, FIRST_ONLY)?;
    interrupt.wait_for(
        "HAProxy to log every failure",
        Duration::from_secs(10),
        || Ok(haproxy.no_free_ports() >= u64::from(LATE + STORM)),
    )?;
    if let (Some(screen), Some(file)) = (&screen, &args.screenshot) {
        draw(screen, file, &interrupt)?;
    }
    if args.keep {
        say(&format!(
            "stopped here: look around with `ip netns exec {} ss -tn`; Enter goes on",
            inside.name()
        ));
        wait_for_enter(&interrupt)?;
    }
    say("the sessions end");
    backends.end_sessions(Duration::from_secs(2), &interrupt)?;
    clients.leave(Duration::from_secs(2), &interrupt)?;
    let failures = haproxy.no_free_ports();
    // What is missing after that is a fault, which the verdict names.
    let _ = interrupt.wait_for("portwatch's last events", Duration::from_secs(5), || {
        let story = watchers.story();
        Ok(story.recovered() == BACKENDS && story.failures() >= failures)
    });
    watchers.stop()?;
    let expected = Expected {
        tuples: BACKENDS,
        capacity,
        pid: haproxy.pid(),
        failures: haproxy.no_free_ports(),
    };
    verdict(&watchers, &expected, args.json)
}

/// Prints what came out; fails when it is not what it should be.
fn verdict(watchers: &Watchers, expected: &Expected, json: bool) -> Result<()> {
    let story = watchers.story();
    let faults = story.faults(expected);
    let failures = expected.failures;
    if json {
        let mut line = story.numbers();
        line["event"] = json!("demo");
        line["ok"] = json!(faults.is_empty());
        line["haproxy_no_free_ports"] = json!(failures);
        println!("{line}");
    } else {
        println!("\n=== HAProxy logged \"no free ports\" {failures} times");
        println!("=== portwatch counted {} failed connects", story.failures());
        if let Some(notice) = story.notice() {
            let notice = notice.as_secs_f64();
            println!("=== and warned {notice:.1} seconds before the first");
        }
    }
    if !faults.is_empty() {
        bail!("portwatch was wrong: {}", faults.join("; "));
    }
    Ok(())
}

/// The table, and the page of its first tuple.
fn draw(screen: &Terminal, file: &Path, interrupt: &Interrupt) -> Result<()> {
    let svg = |suffix: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let all = format!("{} exhausted", LATE + STORM);
    screen.draw(&[&all, "500/500", "haproxy"], &svg(".svg"), interrupt)?;
    screen.press("Enter")?;
    screen.draw(&["haproxy[", "advice"], &svg("-tuple.svg"), interrupt)
}

/// The proxy's namespace, with its small port range, and the clients', joined by a cable.
fn namespaces() -> Result<(Namespace, Namespace)> {
    let inside = Namespace::create("demo")?;
    let outside = Namespace::create("clients")?;
    let range = format!("20000 {}", 20000 + PORTS - 1);
    inside.sysctl("ipv4/ip_local_port_range", &range)?;
    let peer = ["peer", "name", "eth0", "netns", outside.name()];
    inside.ip(&[&["link", "add", "eth0", "type", "veth"], &peer[..]].concat())?;
    for (namespace, address) in [(&inside, "198.51.100.1/24"), (&outside, "198.51.100.2/24")] {
        namespace.ip(&["address", "add", address, "dev", "eth0"])?;
        namespace.ip(&["link", "set", "eth0", "up"])?;
    }
    Ok((inside, outside))
}

fn wait_for_enter(interrupt: &Interrupt) -> Result<()> {
    // Reading can't be interrupted, so a thread of its own does it.
    let reader = thread::spawn(|| std::io::stdin().read(&mut [0]));
    interrupt.wait_for("Enter", Duration::from_secs(3600), || {
        Ok(reader.is_finished())
    })
}
