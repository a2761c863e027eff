//! `portwatch daemon`, running beside the test.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{
    event::Event,
    metrics::Metrics,
    netns::Netns,
    process::{portwatch, wait_for_exit},
    wait::{self, SOON, SWEEPS},
};

/// A running daemon; killed when dropped.
pub struct Daemon {
    child: Child,
    lines: Arc<Mutex<Vec<(Instant, String)>>>,
    reader: Option<JoinHandle<()>>,
    address: SocketAddr,
}

/// What a server answered.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Daemon {
    /// Watches one namespace; returns when the first counts are there.
    pub fn start(netns: &Netns, arguments: &[&str]) -> Self {
        Self::spawn(&mut command(netns, arguments))
    }

    /// Runs a [`command`].
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start portwatch");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (stderr, told) = (child.stderr.take().expect("piped"), Arc::clone(&lines));
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let line = (Instant::now(), line);
                told.lock().expect("not poisoned").push(line);
            }
        });
        let mut daemon = Self {
            child,
            lines,
            reader: Some(reader),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        // The first walk comes before it, over every namespace of the machine.
        daemon.address = daemon.wait_for_line_within(SWEEPS, "its address", |line| {
            let address = line.split("metrics on http://").nth(1)?;
            address.strip_suffix("/metrics")?.parse().ok()
        });
        wait::until("the first counts", SOON, || {
            (daemon.get("/healthz").status == 200).then_some(())
        });
        daemon
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every line on stderr so far.
    pub fn lines(&self) -> Vec<String> {
        let lines = self.lines.lock().expect("not poisoned");
        lines.iter().map(|(_, line)| line.clone()).collect()
    }

    /// When the lines with a word were read.
    pub fn arrivals(&self, word: &str) -> Vec<Instant> {
        let lines = self.lines.lock().expect("not poisoned");
        let with_word = lines.iter().filter(|(_, line)| line.contains(word));
        with_word.map(|(arrival, _)| *arrival).collect()
    }

    /// Waits for a line on stderr.
    pub fn wait_for_line<T>(&self, what: &str, pick: impl FnMut(&str) -> Option<T>) -> T {
        self.wait_for_line_within(SOON, what, pick)
    }

    fn wait_for_line_within<T>(
        &self,
        bound: Duration,
        what: &str,
        mut pick: impl FnMut(&str) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + bound;
        loop {
            let lines = self.lines();
            if let Some(found) = lines.iter().find_map(|line| pick(line)) {
                return found;
            }
            assert!(Instant::now() < deadline, "no {what} in {lines:#?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for an event of `--log json`.
    pub fn event(&self, kind: &str) -> Event {
        self.wait_for_line(kind, |line| {
            let event = line.starts_with('{').then(|| Event::parse(line))?;
            event.is(kind).then_some(event)
        })
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// Asks with further header lines, each with its end.
    pub fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).expect("connect to the daemon");
        stream.set_read_timeout(Some(SOON)).expect("SO_RCVTIMEO");
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).expect("ask");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        Answer {
            status: status.unwrap_or_else(|| panic!("no status in {head}")),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    pub fn metrics(&self) -> Metrics {
        let answer = self.get("/metrics");
        assert_eq!(answer.status, 200, "{}", answer.body);
        Metrics::parse(&answer.body)
    }

    /// Waits until a metric has a value.
    pub fn wait_for(&self, series: &str, value: f64) -> Metrics {
        let mut last = None;
        let deadline = Instant::now() + SOON;
        loop {
            let metrics = self.metrics();
            let now = metrics.get(series);
            if now == Some(value) {
                return metrics;
            }
            last = now.or(last);
            assert!(
                Instant::now() < deadline,
                "{series} is {last:?}, not {value}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("signal portwatch");
    }

    /// Ends it as a service manager does, and returns its status and all it said.
    pub fn stop(mut self) -> (ExitStatus, Vec<String>) {
        self.signal(Signal::TERM);
        let status = wait_for_exit(&mut self.child);
        if let Some(reader) = self.reader.take() {
            reader.join().expect("reader");
        }
        (status, self.lines())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail only for a program that ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A daemon for one namespace, at any free port, that tells its address. Its log is JSON, and its
/// interval short, unless the arguments choose otherwise.
pub fn command(netns: &Netns, arguments: &[&str]) -> Command {
    let selector = netns.selector();
    everywhere(&[&["--netns", &selector], arguments].concat())
}

/// As [`command`], for every namespace there is, now and later.
pub fn everywhere(arguments: &[&str]) -> Command {
    let fixed = ["daemon", "-v", "--listen", "127.0.0.1:0"];
    let mut command = portwatch(&[&fixed, arguments].concat());
    for (option, value) in [("--log", "json"), ("--interval", "200ms")] {
        if !arguments.contains(&option) {
            command.args([option, value]);
        }
    }
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "JOURNAL_STREAM"] {
        command.env_remove(name);
    }
    command
}
