//! What a guest is told to do.

use std::env;

use guest_init::{Plan, Test};

use super::{boots::UNIT, guest::Programs};

/// Random socket operations of a test; on the machine itself there are ten times as many.
const OPERATIONS: &str = "20000";

/// The plan of a guest that runs the tests, with these arguments. Settings of the tests that are in
/// the environment here (`PORTWATCH_…`) hold there too.
#[must_use]
pub fn of_tests(programs: &Programs, arguments: &[String]) -> Plan {
    let test = |name: &str, program| Test {
        name: name.to_owned(),
        program,
        arguments: arguments.to_vec(),
    };
    let mut plan = Plan {
        portwatch: Some(programs.portwatch.clone()),
        tests: vec![
            test(UNIT, programs.unit_tests.clone()),
            test("live", programs.live_tests.clone()),
        ],
        ..Plan::default()
    };
    let mut set = |name: &str, value: &str| {
        plan.environment.insert(name.to_owned(), value.to_owned());
    };
    set("RUST_BACKTRACE", "1");
    set("PORTWATCH_OPERATIONS", OPERATIONS);
    for (name, value) in env::vars().filter(|(name, _)| name.starts_with("PORTWATCH_")) {
        set(&name, &value);
    }
    plan
}
