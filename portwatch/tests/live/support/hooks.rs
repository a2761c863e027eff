//! The hook sets of this kernel, as `portwatch doctor` finds them.

use std::sync::LazyLock;

use serde_json::Value;

use super::{
    environment,
    process::{finish, portwatch},
};

/// The one object that `doctor --json` prints.
pub fn doctor() -> Value {
    let finished = finish(&mut portwatch(&["doctor", "--json"]));
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    serde_json::from_str(&finished.stdout).expect("JSON")
}

/// Names of the hook sets that work here, best first.
pub fn usable() -> &'static [String] {
    static USABLE: LazyLock<Vec<String>> = LazyLock::new(|| {
        let report = doctor();
        let sets = report["hook_sets"].as_array().expect("hook_sets");
        let usable = sets.iter().filter(|set| set["usable"] == true);
        usable
            .map(|set| set["name"].as_str().expect("a name").to_owned())
            .collect()
    });
    &USABLE
}

/// The hook set that the tests' watchers have: the one asked for, or the best one.
pub fn in_use() -> &'static str {
    let best = || usable().first().expect("a hook set that works");
    environment::hooks().unwrap_or_else(|| best())
}

/// Whether the tests' watchers see each function's call, so that no sweep has anything to mend.
pub fn are_exact() -> bool {
    in_use() != "tracepoint"
}
