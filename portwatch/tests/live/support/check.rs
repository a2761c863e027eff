//! `portwatch check`, and what it prints as values to compare.

use std::{collections::BTreeMap, net::SocketAddr};

use serde_json::Value;

use super::{
    kernel_list::Tuple,
    process::{Finished, finish, portwatch},
};

/// The two ways to list sockets.
pub const SOURCES: [&str; 2] = ["bpf", "netlink"];

/// What a report says of a tuple.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    pub used: u64,
    pub time_wait: u64,
    pub capacity: u64,
    /// Connections by the name of their state; states without any left out.
    pub states: BTreeMap<String, u64>,
}

/// Runs `check` with further arguments.
pub fn check(arguments: &[&str]) -> Finished {
    finish(&mut portwatch(&[&["check"], arguments].concat()))
}

/// The one object that `check --json` prints.
pub fn report(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", finished.stdout, finished.stderr))
}

/// The tuples of a report of one namespace.
pub fn rows(report: &Value) -> BTreeMap<Tuple, Row> {
    let tuples = report["tuples"].as_array().expect("tuples");
    let rows: BTreeMap<_, _> = tuples.iter().map(row).collect();
    assert_eq!(rows.len(), tuples.len(), "no tuple twice");
    rows
}

fn row(tuple: &Value) -> (Tuple, Row) {
    let number = |key: &str| {
        tuple[key]
            .as_u64()
            .unwrap_or_else(|| panic!("{key} in {tuple}"))
    };
    let ip = |key: &str| tuple[key].as_str().expect(key).parse().expect("an address");
    let port = u16::try_from(number("peer_port")).expect("a port");
    let states = tuple["states"].as_object().expect("states");
    let states = states
        .iter()
        .map(|(state, n)| (state.clone(), n.as_u64().expect("a number")));
    let row = Row {
        used: number("used"),
        time_wait: number("time_wait"),
        capacity: number("capacity"),
        states: states.filter(|(_, n)| *n > 0).collect(),
    };
    ((ip("local_ip"), SocketAddr::new(ip("peer_ip"), port)), row)
}
