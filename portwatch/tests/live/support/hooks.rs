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

/// What `doctor` found of a hook set.
pub struct HookSet {
    pub name: String,
    /// Why it does not work; none where it does.
    pub reason: Option<String>,
}

/// Every hook set, best first.
pub fn all() -> &'static [HookSet] {
    static ALL: LazyLock<Vec<HookSet>> = LazyLock::new(|| {
        let report = doctor();
        let sets = report["hook_sets"].as_array().expect("hook_sets");
        sets.iter().map(hook_set).collect()
    });
    &ALL
}

fn hook_set(report: &Value) -> HookSet {
    let reason = report["reason"].as_str().map(str::to_owned);
    assert_eq!(report["usable"], reason.is_none(), "{report}");
    HookSet {
        name: report["name"].as_str().expect("a name").to_owned(),
        reason,
    }
}

/// Names of the hook sets that work here, best first.
pub fn usable() -> Vec<&'static str> {
    let usable = all().iter().filter(|set| set.reason.is_none());
    usable.map(|set| set.name.as_str()).collect()
}

/// The hook set that the tests' watchers have: the one asked for, or the best one.
pub fn in_use() -> &'static str {
    environment::hooks().unwrap_or_else(|| usable()[0])
}
