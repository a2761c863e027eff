//! What it costs to read which ports are free: time, and what connects notice of it.

use std::{
    fs::File,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, anyhow};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::{
    crowd::{steady, wall_ms},
    table::{Row, Table, median, quantile},
};
use crate::support::{interrupt::Interrupt, netns::Namespace};

const NAMESPACES: u32 = 1_000;
/// Connects that are timed.
const CONNECTS: u32 = 5_000;

/// The free ports of a tuple among the sockets of this namespace, and the connects beside it.
pub fn among_many(
    portwatch: &Path,
    namespace: &Namespace,
    scale: &str,
    rounds: u32,
    interrupt: &Interrupt,
    table: &mut Table,
) -> Result<()> {
    let free = || {
        let mut command = Command::new(portwatch);
        command.args(["free", "--netns", namespace.name(), "127.1.0.0:9000"]);
        wall_ms(&mut command)
    };
    let mut times = Vec::new();
    for _ in 0..rounds {
        interrupt.check()?;
        times.push(free()?);
    }
    let alone = namespace.run(connects)?;
    let over = AtomicBool::new(false);
    let (beside, questions) = thread::scope(|scope| {
        let asker = scope.spawn(|| -> Result<u32> {
            let mut questions = 0;
            while !over.load(Relaxed) {
                free()?;
                questions += 1;
            }
            Ok(questions)
        });
        let beside = namespace.run(connects);
        over.store(true, Relaxed);
        let questions = asker.join().map_err(|_| anyhow!("the asker panicked"))?;
        Ok::<_, anyhow::Error>((beside?, questions?))
    })?;
    let late = |times: &[f64]| [0.5, 0.99, 1.0].map(|share| quantile(times, share));
    let [[p50, p99, most], [p50_beside, p99_beside, most_beside]] = [late(&alone), late(&beside)];
    table.0.push(Row {
        what: format!("free ports of a tuple, {scale}, median of {rounds}"),
        portwatch: format!("{:.0} ms", median(&times)),
        peers: "-".into(),
        budget: "oracle over 28,232 ports < 10 ms",
    });
    table.0.push(Row {
        what: format!("connect(2) while that is asked without a pause ({questions} times), p50 / p99 / longest of {CONNECTS}"),
        portwatch: format!("{p50_beside:.1} / {p99_beside:.1} / {most_beside:.0} us"),
        peers: format!("without it {p50:.1} / {p99:.1} / {most:.0} us"),
        budget: "never stalls",
    });
    Ok(())
}

/// Connects to a fresh tuple of the calling thread's namespace, microseconds each.
fn connects() -> Result<Vec<f64>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listening")?;
    let peer = listener.local_addr()?;
    let mut times = Vec::new();
    for _ in 0..CONNECTS {
        let begin = Instant::now();
        let client = TcpStream::connect(peer).context("connecting")?;
        times.push(begin.elapsed().as_secs_f64() * 1e6);
        let (server, _) = listener.accept().context("accepting")?;
        // The server's end keeps the TIME_WAIT: the client's port is free again.
        drop(server);
        drop(client);
    }
    Ok(times)
}

/// What watching costs on a host of very many namespaces in which nothing happens.
pub fn many_namespaces(portwatch: &Path, interrupt: &Interrupt, table: &mut Table) -> Result<()> {
    let held = thread::scope(|scope| scope.spawn(namespaces).join())
        .map_err(|_| anyhow!("a thread panicked"))??;
    let scale = format!("{} idle namespaces", held.len());
    let mut check = Command::new(portwatch);
    check.args(["check", "--standalone"]);
    let time = wall_ms(&mut check)?;
    table.0.push(Row {
        what: format!("check, {scale}"),
        portwatch: format!("{time:.0} ms"),
        peers: "-".into(),
        budget: "-",
    });
    steady(portwatch, &scale, interrupt, table)
}

/// Namespaces that live as long as their descriptors; the calling thread ends up in the last one.
fn namespaces() -> Result<Vec<File>> {
    let one = |_| {
        // SAFETY: the thread shares nothing that depends on its network namespace.
        unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.context("making a network namespace")?;
        File::open("/proc/thread-self/ns/net").context("holding a network namespace")
    };
    (0..NAMESPACES).map(one).collect()
}
