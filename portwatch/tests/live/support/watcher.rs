//! `portwatch watch --json`, running beside the test.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{
    event::Event,
    netns::Netns,
    process::{portwatch, wait_for_exit},
    ticks::{Tick, Ticks},
    wait::SOON,
};

#[derive(Default)]
struct Lines {
    told: Mutex<Told>,
    changed: Condvar,
}

/// What was told so far.
#[derive(Default)]
struct Told {
    events: Vec<Event>,
    ticks: Ticks,
}

/// A running watcher; killed when dropped.
pub struct Watcher {
    child: Child,
    lines: Arc<Lines>,
    readers: Vec<JoinHandle<String>>,
}

impl Watcher {
    /// Watches these namespaces only; returns when the tracer runs.
    pub fn start(netns: &[&Netns], arguments: &[&str]) -> Self {
        let fixed = ["watch", "--json", "--interval", "200ms"];
        let mut command = portwatch(&[&fixed, arguments].concat());
        for netns in netns {
            command.args(["--netns", &netns.selector()]);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start portwatch");
        let lines = Arc::new(Lines::default());
        let stdout = child.stdout.take().expect("piped");
        let stderr = child.stderr.take().expect("piped");
        let collector = lines.clone();
        let readers = vec![
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines() {
                    let event = Event::parse(&line.expect("output is UTF-8"));
                    let mut told = collector.told.lock().expect("not poisoned");
                    told.ticks.add(&event);
                    told.events.push(event);
                    drop(told);
                    collector.changed.notify_all();
                }
                String::new()
            }),
            std::thread::spawn(move || {
                let mut text = String::new();
                let _ = BufReader::new(stderr).read_to_string(&mut text);
                text
            }),
        ];
        let watcher = Self {
            child,
            lines,
            readers,
        };
        watcher.wait_for("the started event", |events| {
            events.iter().find(|e| e.is("started")).cloned()
        });
        watcher
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Every event so far.
    pub fn events(&self) -> Vec<Event> {
        self.lines.told.lock().expect("not poisoned").events.clone()
    }

    /// Waits for an interval that began after this call; the latest, where several have.
    pub fn tick(&self) -> Tick {
        let deadline = Instant::now() + SOON;
        let mut told = self.lines.told.lock().expect("not poisoned");
        // The next one may have been under way already.
        let wanted = told.ticks.count() + 2;
        loop {
            match told.ticks.last() {
                Some(tick) if told.ticks.count() >= wanted => return tick,
                _ => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited {SOON:?} for two more ticks");
            let changed = self.lines.changed.wait_timeout(told, left);
            told = changed.expect("not poisoned").0;
        }
    }

    /// Waits until the events so far satisfy `pick`.
    pub fn wait_for<T>(&self, what: &str, pick: impl FnMut(&[Event]) -> Option<T>) -> T {
        self.wait_within(SOON, what, pick)
    }

    /// As [`Self::wait_for`], with a bound of its own.
    pub fn wait_within<T>(
        &self,
        bound: Duration,
        what: &str,
        mut pick: impl FnMut(&[Event]) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + bound;
        let mut told = self.lines.told.lock().expect("not poisoned");
        loop {
            let events = &told.events;
            if let Some(found) = pick(events) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let tail: Vec<_> = events
                    .iter()
                    .rev()
                    .take(20)
                    .map(|e| e.0.to_string())
                    .collect();
                drop(told);
                panic!("waited {bound:?} for {what}; last events, newest first: {tail:#?}");
            }
            let step = left.min(Duration::from_millis(200));
            let changed = self.lines.changed.wait_timeout(told, step);
            told = changed.expect("not poisoned").0;
        }
    }

    /// Waits for the first event of a kind.
    pub fn first(&self, kind: &str) -> Event {
        self.wait_for(kind, |events| events.iter().find(|e| e.is(kind)).cloned())
    }

    /// Ends it as Ctrl-C does and returns every event; it must end cleanly and print no complaint.
    pub fn stop(mut self) -> Vec<Event> {
        self.signal(Signal::INT);
        let status = wait_for_exit(&mut self.child);
        let stderr: String = self.join();
        assert!(status.success(), "{status}: {stderr}");
        self.events()
    }

    /// Ends it as the kernel's memory killer does.
    pub fn kill(mut self) {
        self.signal(Signal::KILL);
        wait_for_exit(&mut self.child);
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a pid");
        kill_process(pid, signal).expect("signal portwatch");
    }

    fn join(&mut self) -> String {
        self.readers
            .drain(..)
            .map(|r| r.join().expect("reader"))
            .collect()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // Both fail only for a program that ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("the watcher's log: {}", self.join());
        }
    }
}
