//! What the measuring program in a guest tells: one line of JSON for each run.

use serde::{Deserialize, Serialize};

/// A run of the traffic beside a tracer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finding {
    /// What ran beside the traffic.
    pub subject: String,
    /// The figures, or why there are none.
    pub result: Result<Figures, String>,
}

/// Figures for one connection.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Figures {
    /// Microseconds from one connection to the next, with nothing beside them.
    pub untraced_us: f64,
    /// The same beside the tracer, right afterwards.
    pub traced_us: f64,
    /// Run time of the tracer's BPF programs, ns, from connect to close.
    pub closed_ns: f64,
    /// The same, with the end of TIME_WAIT (its namespace is removed).
    pub released_ns: f64,
}
