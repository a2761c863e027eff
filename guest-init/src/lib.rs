//! What the guest's first process and its host tell each other.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

/// Where the guest finds its [`Plan`].
pub const PLAN: &str = "/plan.json";
/// Begins a line on the second serial port that holds a [`Report`]; all else there is the tests'.
pub const MARK: &str = "@guest ";
/// Where the guest's programs are.
pub const PROGRAMS: &str = "/bin";

/// What a guest has to do.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// Kernel modules, in the order in which they have to be loaded.
    pub modules: Vec<PathBuf>,
    /// Environment of everything that is started.
    pub environment: BTreeMap<String, String>,
    /// portwatch itself; the guest asks its `doctor` first. None in a guest that only boots.
    pub portwatch: Option<PathBuf>,
    /// The hook set without which there is nothing to test.
    pub hooks: String,
    /// Test programs, run one after the other.
    pub tests: Vec<Test>,
}

/// A program whose exit code says whether its tests passed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Test {
    /// For people.
    pub name: String,
    /// The program, at the path that it has on the host.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// What a guest says about itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// The first process runs.
    Booted {
        /// Kernel release.
        release: String,
        /// Seconds since the kernel started, by the guest's clock.
        uptime: f64,
    },
    /// `portwatch doctor --json`.
    Doctor(serde_json::Value),
    /// Something that should not stop the tests: a module that does not load, for one.
    Complaint(String),
    /// A test program starts.
    Started(String),
    /// A test program ended.
    Ended {
        /// Its name.
        name: String,
        /// Its exit code; none where a signal ended it.
        code: Option<i32>,
    },
    /// Nothing is left to do; the guest switches itself off.
    Done {
        /// `kernel.tainted`: not zero after an oops or a warning, for two.
        tainted: u64,
    },
    /// The first process could not do its job.
    Failed(String),
}

/// Whether the kernel offers this hook set, and why not, as `doctor --json` tells it.
///
/// # Errors
/// The reason.
pub fn usable(doctor: &serde_json::Value, hooks: &str) -> Result<(), String> {
    let sets = doctor["hook_sets"].as_array();
    let found = sets.and_then(|sets| sets.iter().find(|set| set["name"] == hooks));
    match found {
        None => Err("not offered by this portwatch".to_owned()),
        Some(set) if set["usable"] == true => Ok(()),
        Some(set) => Err(set["reason"]
            .as_str()
            .unwrap_or("no reason given")
            .to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::usable;

    #[test]
    fn a_hook_set_that_is_refused_says_why() {
        let doctor = serde_json::json!({ "hook_sets": [
            { "name": "kprobe", "usable": false, "reason": "no PMU" },
            { "name": "tracepoint", "usable": true, "reason": null },
        ] });
        assert_eq!(usable(&doctor, "tracepoint"), Ok(()));
        assert_eq!(usable(&doctor, "kprobe"), Err("no PMU".to_owned()));
        assert!(usable(&doctor, "fentry").is_err());
    }
}
