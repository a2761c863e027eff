//! From a failing connect(2) to the line that tells of it.

use std::{
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::{
    table::{Row, Table, quantile},
    tracer::Tracer,
};
use crate::support::{interrupt::Interrupt, netns::Namespace};

const PORTS: u16 = 10;
/// Enough tuples that none reaches the rate limit of its events, ten a second.
const TUPLES: u8 = 40;
const FAILURES: u32 = 1_000;
/// Between two failures of one tuple.
const PAUSE: Duration = Duration::from_millis(110);

/// Fills tuples, then lets connects fail one at a time, each waiting for its line.
pub fn measure(portwatch: &Path, interrupt: &Interrupt, table: &mut Table) -> Result<()> {
    let namespace = Namespace::create("bench")?;
    namespace.sysctl(
        "ipv4/ip_local_port_range",
        &format!("20000 {}", 19_999 + PORTS),
    )?;
    let (tracer, _) = Tracer::portwatch(portwatch, &["--netns", namespace.name()])?;
    let latencies = namespace.run(move || {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 9000)).context("listening")?;
        let peers: Vec<_> = (1..=TUPLES)
            .map(|last| SocketAddrV4::new(Ipv4Addr::new(127, 0, 1, last), 9000))
            .collect();
        let mut held = Vec::new();
        for peer in &peers {
            for _ in 0..PORTS {
                held.push(TcpStream::connect(peer).context("filling a tuple")?);
                held.push(listener.accept().context("accepting")?.0);
            }
        }
        let mut latencies = Vec::new();
        let begin = Instant::now();
        for failure in 0..FAILURES {
            interrupt.sleep_until(begin + PAUSE / u32::from(TUPLES) * failure)?;
            let peer = peers[failure as usize % peers.len()];
            if TcpStream::connect(peer).is_ok() {
                bail!("a connect to {peer} found a port where there was none");
            }
            let failed = Instant::now();
            let (read, _) = tracer.event("exhausted", Duration::from_secs(5))?;
            // Below zero when the line was faster than the return to this program.
            latencies.push(read.saturating_duration_since(failed).as_secs_f64() * 1e3);
        }
        Ok(latencies)
    })?;
    let [median, late] = [0.5, 0.99].map(|share| quantile(&latencies, share));
    table.0.push(Row {
        what: format!("failing connect(2) to line read, p50 / p99 of {FAILURES}"),
        portwatch: format!("{median:.2} / {late:.2} ms"),
        peers: "-".into(),
        budget: "p99 < 5 ms",
    });
    Ok(())
}
