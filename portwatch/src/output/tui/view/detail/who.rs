//! Connections by state and age, who has them, and who holds the blocked ports.

use std::{cmp::Reverse, collections::BTreeMap};

use super::Look;
use crate::{
    model::{Opener, Report, container::short_id},
    output::{
        escape,
        explain::rows::{ages, openers, states},
        text::blockers::blocked,
        tui::view::{place::Pieces, theme::Tone},
    },
};

/// Containers that are shown.
const SHOWN: usize = 8;

/// As much of it as is known.
pub fn lines(look: &Look<'_>) -> Vec<Pieces> {
    let story = look.story;
    let report = story.report();
    let mut lines = Vec::new();
    let mut row = |label: &str, text: &str| {
        lines.extend(look.labelled(label, text, Tone::Plain));
    };
    let sampled = story.sample().and_then(|sample| sample.states.as_ref());
    if let Some(counted) = report.map(|report| &report.states).or(sampled) {
        row("states", &states(counted));
    }
    if let Some(ages) = report.and_then(|report| ages(&report.ages)) {
        row("ages", &ages);
    }
    // The lookup that is done from time to time is of all tuples; the close look may be older.
    let opened = match (story.openers(), report) {
        ([], Some(report)) => &report.openers,
        (opened, _) => opened,
    };
    let mut label = "opened by";
    for opener in openers(opened) {
        row(std::mem::take(&mut label), &opener);
    }
    let containers = containers(opened);
    if !containers.is_empty() {
        row("containers", &containers);
    }
    if let Some(report) = report.filter(|report| report.room.blocked > 0) {
        row("blocked", &blockers(report));
    }
    lines
}

/// Containers with their ports, most first; nothing where no process is in one.
fn containers(openers: &[Opener]) -> String {
    let mut ports: BTreeMap<&str, u32> = BTreeMap::new();
    for opener in openers {
        let process = opener.process.as_ref();
        if let Some(container) = process.and_then(|process| process.place.container.as_deref()) {
            let sum = ports.entry(container).or_default();
            *sum = sum.saturating_add(opener.ports());
        }
    }
    let mut ports: Vec<(&str, u32)> = ports.into_iter().collect();
    ports.sort_by_key(|(_, ports)| Reverse(*ports));
    let shown = ports.iter().take(SHOWN);
    let texts = shown.map(|(id, ports)| format!("{} {ports} ports", escape(short_id(id))));
    texts.collect::<Vec<_>>().join(", ")
}

fn blockers(report: &Report) -> String {
    let blockers = report.blockers.as_deref().map_err(String::as_str);
    blocked(report.room.blocked, blockers)
}
