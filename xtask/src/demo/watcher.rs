//! portwatch at work, its output shown and understood.

use std::{
    io::{BufRead as _, BufReader, IsTerminal as _, stdout},
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};

use super::story::Story;
use crate::support::{child::Guarded, interrupt::Interrupt};

/// `portwatch watch` for a reader, for the demo's own book-keeping, or both.
pub struct Watchers {
    processes: Vec<Guarded>,
    story: Arc<Mutex<Story>>,
}

impl Watchers {
    /// Starts watching the namespace of that name: the events as text, or with `json` as JSON, go
    /// to this program's output. Returns when the tracers run.
    ///
    /// # Errors
    /// When a watcher can't be started or does not get ready.
    pub fn start(
        portwatch: &Path,
        namespace: &str,
        json: bool,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let mut watchers = Self {
            processes: Vec::new(),
            story: Arc::default(),
        };
        let ready = Arc::new(Mutex::new(false));
        if !json {
            let color = if stdout().is_terminal() {
                "always"
            } else {
                "never"
            };
            let ready = Arc::clone(&ready);
            watchers.spawn(portwatch, namespace, &["--color", color], move |line| {
                println!("{line}");
                *lock(&ready) = true;
            })?;
        }
        let story = Arc::clone(&watchers.story);
        watchers.spawn(portwatch, namespace, &["--json"], move |line| {
            if json {
                println!("{line}");
            }
            match serde_json::from_str(line) {
                Ok(event) => lock(&story).tell(&event),
                Err(error) => eprintln!("not JSON ({error}): {line}"),
            }
        })?;
        interrupt.wait_for("portwatch to start", Duration::from_secs(20), || {
            for process in &mut watchers.processes {
                process.require_running()?;
            }
            Ok(watchers.story().started() && (json || *lock(&ready)))
        })?;
        Ok(watchers)
    }

    fn spawn(
        &mut self,
        portwatch: &Path,
        namespace: &str,
        arguments: &[&str],
        mut read: impl FnMut(&str) + Send + 'static,
    ) -> Result<()> {
        let mut process = Guarded::spawn(
            Command::new(portwatch)
                .args(["watch", "--standalone", "--netns", namespace])
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::piped()),
        )?;
        let output = BufReader::new(process.stdout()?);
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                read(&line);
            }
        });
        self.processes.push(process);
        Ok(())
    }

    /// What was told so far.
    pub fn story(&self) -> MutexGuard<'_, Story> {
        lock(&self.story)
    }

    /// Ends the watchers as Ctrl-C would.
    ///
    /// # Errors
    /// When one does not end well.
    pub fn stop(&mut self) -> Result<()> {
        for process in self.processes.drain(..) {
            process.interrupt().context("portwatch has to end with 0")?;
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
