//! A network namespace that stands for a host, with a daemon.

use std::{
    collections::BTreeMap,
    fs::File,
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::support::{child::Guarded, http, interrupt::Interrupt, netns::Namespace};

/// Ports of its range.
pub const PORTS: u32 = 500;
/// Connections that it has from the start.
const EVERYDAY: usize = 30;
const DAEMON_PORT: u16 = 9817;

/// Peer and port of a tuple, and its ports: used, capacity, in TIME_WAIT, reclaimable.
pub type Ports = BTreeMap<String, [u64; 4]>;

/// The figures of a tuple, in the metrics behind `portwatch_tuple_ports_`, and as keys of JSON.
pub const FIGURES: [&str; 4] = ["used", "capacity", "time_wait", "reclaimable"];

/// A host and what runs there.
pub struct Host {
    /// Where it lives.
    pub namespace: Namespace,
    /// Its address on the cable to the monitor.
    pub address: Ipv4Addr,
    portwatch: PathBuf,
    daemon: Guarded,
    _everyday: Vec<(TcpStream, TcpStream)>,
}

impl Host {
    /// Makes a host, joined to `monitor` by a cable, and starts its daemon, with a log in `logs`.
    ///
    /// # Errors
    /// When something can't be made or started.
    pub fn start(number: u8, monitor: &Namespace, portwatch: &Path, logs: &Path) -> Result<Self> {
        let namespace = Namespace::create(&format!("host{number}"))?;
        let range = format!("20000 {}", 20000 + PORTS - 1);
        namespace.sysctl("ipv4/ip_local_port_range", &range)?;
        let (near, far) = (4 * number + 1, 4 * number + 2);
        let cable = format!("host{number}");
        let peer = ["peer", "name", &cable, "netns", monitor.name()];
        namespace.ip(&[&["link", "add", "eth0", "type", "veth"], &peer[..]].concat())?;
        for (end, last, device) in [(&namespace, near, "eth0"), (monitor, far, &cable)] {
            let address = format!("198.51.100.{last}/30");
            end.ip(&["address", "add", &address, "dev", device])?;
            end.ip(&["link", "set", device, "up"])?;
        }
        // Before the daemon starts: connections that come all at once look like a tuple that fills up.
        let everyday = namespace.run(connections)?;
        let address = Ipv4Addr::new(198, 51, 100, near);
        let log = logs.join(format!("host{number}.log"));
        let log = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let daemon = Guarded::spawn(
            namespace
                .enter(portwatch)
                .args([
                    "daemon",
                    "--socket",
                    "off",
                    "--netns",
                    namespace.name(),
                    "--log",
                    "text",
                    "--listen",
                ])
                .arg(SocketAddrV4::new(address, DAEMON_PORT).to_string())
                .stdin(Stdio::null())
                .stderr(log),
        )?;
        Ok(Self {
            namespace,
            address,
            portwatch: portwatch.to_owned(),
            daemon,
            _everyday: everyday,
        })
    }

    /// What Prometheus calls it.
    #[must_use]
    pub fn instance(&self) -> String {
        SocketAddrV4::new(self.address, DAEMON_PORT).to_string()
    }

    /// Waits until counts come.
    ///
    /// # Errors
    /// When the daemon ends, or they don't.
    pub fn wait_until_well(&mut self, monitor: &Namespace, interrupt: &Interrupt) -> Result<()> {
        let url = format!("http://{}/healthz", self.instance());
        interrupt.wait_for("a daemon to be well", Duration::from_secs(60), || {
            self.daemon.require_running()?;
            Ok(monitor.run(|| http::get(&url, &[])).is_ok())
        })
    }

    /// What it exposes.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn metrics(&self, monitor: &Namespace) -> Result<String> {
        let url = format!("http://{}/metrics", self.instance());
        monitor.run(|| http::get(&url, &[]))
    }

    /// What `portwatch check` counts there.
    ///
    /// # Errors
    /// When it prints no counts.
    pub fn check(&self) -> Result<Ports> {
        let mut check = self.namespace.enter(&self.portwatch);
        // How it ends tells the state of the host.
        let output = check
            .args(["check", "--standalone", "--json"])
            .args(["--netns", self.namespace.name()])
            // A debug build, on a machine that builds and tests as well.
            .args(["--timeout", "60s"])
            .output()
            .context("could not start portwatch check")?;
        let report: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("what check printed: {output:?}"))?;
        if let Some(error) = report["error"].as_str() {
            bail!("portwatch check: {error}");
        }
        let tuples = report["tuples"]
            .as_array()
            .context("check found no tuples")?;
        let figure = |tuple: &Value, name| tuple[name].as_u64().unwrap_or(0);
        Ok(tuples
            .iter()
            .map(|tuple| {
                let peer = tuple["peer_ip"].as_str().unwrap_or_default();
                let key = format!("{peer} {}", tuple["peer_port"]);
                (key, FIGURES.map(|name| figure(tuple, name)))
            })
            .collect())
    }

    /// Ends the daemon.
    ///
    /// # Errors
    /// When it does not end well.
    pub fn stop(self) -> Result<()> {
        self.daemon.interrupt()
    }
}

/// Some connections of a host to itself.
fn connections() -> Result<Vec<(TcpStream, TcpStream)>> {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 443)).context("listening")?;
    let address = server.local_addr().context("listening")?;
    (0..EVERYDAY)
        .map(|_| {
            let client = TcpStream::connect(address).context("connecting")?;
            Ok((client, server.accept().context("accepting")?.0))
        })
        .collect()
}
