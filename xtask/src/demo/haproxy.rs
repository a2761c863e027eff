//! The load balancer whose ports run out.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader},
    net::SocketAddrV4,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::support::{child::Guarded, netns::Namespace};

/// A running HAProxy and its log.
pub struct Haproxy {
    process: Guarded,
    no_free_ports: Arc<AtomicU64>,
    _configuration: TempDir,
}

impl Haproxy {
    /// Starts HAProxy inside `namespace`, balancing the connections to each address over servers.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(
        namespace: &Namespace,
        proxies: &[(SocketAddrV4, &[SocketAddrV4])],
    ) -> Result<Self> {
        let directory = TempDir::with_prefix("pwdemo-").context("making a temporary directory")?;
        let file = directory.path().join("haproxy.cfg");
        std::fs::write(&file, configuration(proxies))
            .with_context(|| format!("writing {}", file.display()))?;
        let mut process = Guarded::spawn(
            namespace
                .command("haproxy")
                .args(["-db", "-f"])
                .arg(&file)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                // Says everything that the log says once more.
                .stderr(Stdio::null()),
        )?;
        let no_free_ports = Arc::new(AtomicU64::new(0));
        let log = BufReader::new(process.stdout()?);
        let count = Arc::clone(&no_free_ports);
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if line.contains("no free ports") {
                    count.fetch_add(1, Ordering::Relaxed);
                } else {
                    eprintln!("haproxy: {line}");
                }
            }
        });
        Ok(Self {
            process,
            no_free_ports,
            _configuration: directory,
        })
    }

    /// Process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// How often it logged `Connect() failed for backend NAME: no free ports`.
    #[must_use]
    pub fn no_free_ports(&self) -> u64 {
        self.no_free_ports.load(Ordering::Relaxed)
    }

    /// Fails when it has ended.
    ///
    /// # Errors
    /// Says how it ended.
    pub fn require_running(&mut self) -> Result<()> {
        self.process.require_running()
    }
}

/// One failed connect, one line in the log: no retries, no health checks, and one thread, because
/// threads that log at the same moment may get in each other's way.
fn configuration(proxies: &[(SocketAddrV4, &[SocketAddrV4])]) -> String {
    let mut text = String::from(
        "global\n    log stdout format raw local0 err\n    maxconn 8000\n    nbthread 1\n\
         defaults\n    mode tcp\n    log global\n    retries 0\n    timeout connect 5s\n    \
         timeout client 1h\n    timeout server 1h\n",
    );
    for (frontend, servers) in proxies {
        let port = frontend.port();
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "listen p{port}\n    bind {frontend}\n    balance roundrobin"
        );
        for server in *servers {
            let _ = writeln!(text, "    server s{} {server}", server.port());
        }
    }
    text
}
