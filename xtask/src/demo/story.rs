//! What portwatch told, tuple by tuple, and whether it is the truth.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// What portwatch told of one tuple.
#[derive(Default)]
struct Chapter {
    warning: Option<Instant>,
    /// At the warning.
    used: u64,
    capacity: u64,
    critical: Option<Instant>,
    first_failure: Option<Instant>,
    recovered: Option<Instant>,
    /// Failed connects, those without a line of their own included.
    failures: u64,
}

/// What HAProxy knows of itself, and the demonstration of the ports.
pub struct Expected {
    /// Tuples.
    pub tuples: usize,
    /// Ports that each can use.
    pub capacity: u32,
    /// HAProxy's process.
    pub pid: u32,
    /// Connects that failed.
    pub failures: u64,
}

/// What portwatch told so far.
#[derive(Default)]
pub struct Story {
    started: bool,
    tuples: BTreeMap<u64, Chapter>,
    /// Failed connects with a line of their own, by process.
    culprits: BTreeMap<(String, u64), u64>,
}

impl Story {
    /// Takes in an event, one line of `portwatch watch --json`.
    pub fn tell(&mut self, event: &Value) {
        let now = Instant::now();
        let kind = event["event"].as_str().unwrap_or_default();
        if kind == "started" {
            self.started = true;
            return;
        }
        let Some(port) = event["peer_port"].as_u64() else {
            return;
        };
        let tuple = self.tuples.entry(port).or_default();
        match kind {
            "warning" if tuple.warning.is_none() => {
                tuple.warning = Some(now);
                tuple.used = event["used"].as_u64().unwrap_or(0);
                tuple.capacity = event["capacity"].as_u64().unwrap_or(0);
            }
            "critical" => tuple.critical = tuple.critical.or(Some(now)),
            "recovered" => tuple.recovered = Some(now),
            "exhausted" => {
                tuple.first_failure = tuple.first_failure.or(Some(now));
                // A line stands for itself and for those that had none of their own.
                tuple.failures += 1 + event["suppressed"].as_u64().unwrap_or(0);
                if let (Some(comm), Some(pid)) = (event["comm"].as_str(), event["pid"].as_u64()) {
                    *self.culprits.entry((comm.to_owned(), pid)).or_default() += 1;
                }
            }
            _ => {}
        }
    }

    /// True once the tracer runs.
    #[must_use]
    pub fn started(&self) -> bool {
        self.started
    }

    /// Failed connects, all tuples together.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.tuples.values().map(|tuple| tuple.failures).sum()
    }

    /// Tuples that recovered.
    #[must_use]
    pub fn recovered(&self) -> usize {
        let tuples = self.tuples.values();
        tuples.filter(|tuple| tuple.recovered.is_some()).count()
    }

    /// The shortest time from a tuple's warning to its first failure.
    #[must_use]
    pub fn notice(&self) -> Option<Duration> {
        let notice = |tuple: &Chapter| Some(tuple.first_failure?.duration_since(tuple.warning?));
        self.tuples.values().filter_map(notice).min()
    }

    /// Compares with what is so. One line for each fault.
    #[must_use]
    pub fn faults(&self, expected: &Expected) -> Vec<String> {
        let Expected {
            tuples,
            capacity,
            pid,
            failures,
        } = *expected;
        let mut faults = Vec::new();
        if self.tuples.len() != tuples {
            faults.push(format!(
                "told of {} tuples, not {tuples}",
                self.tuples.len()
            ));
        }
        for (port, tuple) in &self.tuples {
            let order = [
                tuple.warning,
                tuple.critical,
                tuple.first_failure,
                tuple.recovered,
            ];
            if order.contains(&None) || !order.is_sorted() {
                faults.push(format!(
                    "port {port}: not warning, critical, exhausted, recovered in this order"
                ));
            }
        }
        let half = u64::from(capacity / 2);
        for (port, tuple) in &self.tuples {
            if (tuple.used, tuple.capacity) != (half, u64::from(capacity)) {
                faults.push(format!(
                    "port {port}: warned at {}/{} ports, not at {half}/{capacity}",
                    tuple.used, tuple.capacity
                ));
            }
        }
        if failures == 0 {
            faults.push("HAProxy never ran out of ports".to_owned());
        }
        if self.failures() != failures {
            let told = self.failures();
            faults.push(format!(
                "told of {told} failed connects, HAProxy of {failures}"
            ));
        }
        let haproxy = ("haproxy".to_owned(), u64::from(pid));
        if self.culprits.len() != 1 || !self.culprits.contains_key(&haproxy) {
            let told = &self.culprits;
            faults.push(format!("named {told:?} as culprits, not haproxy[{pid}]"));
        }
        faults
    }

    /// The numbers, for a machine.
    #[must_use]
    pub fn numbers(&self) -> Value {
        let count = |is: fn(&Chapter) -> bool| self.tuples.values().filter(|t| is(t)).count();
        let culprits = self.culprits.iter();
        json!({
            "tuples": self.tuples.len(),
            "warning": count(|tuple| tuple.warning.is_some()),
            "critical": count(|tuple| tuple.critical.is_some()),
            "recovered": self.recovered(),
            "exhausted": self.failures(),
            "culprits": culprits
                .map(|((comm, pid), lines)| json!({"comm": comm, "pid": pid, "lines": lines}))
                .collect::<Vec<_>>(),
        })
    }
}
