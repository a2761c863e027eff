//! The tuple's latest events, newest first.

use super::{LABEL, Look};
use crate::{
    model::{AlertKind, Cause, Event, EventKind},
    output::{
        text::{label, line::stands_for, phrase},
        tui::view::{
            number::clock,
            place::Pieces,
            text::{Side, fit, wrap},
            theme::Tone,
        },
    },
};

/// Width of the time and the label.
const BEFORE: usize = 19;

/// Every event, over as many lines as it takes.
pub fn lines(look: &Look<'_>) -> Vec<Pieces> {
    let events = look.story.events().rev().enumerate();
    let lines = events.flat_map(|(index, event)| {
        let label = if index == 0 { "events" } else { "" };
        event_lines(look, label, event)
    });
    lines.collect()
}

fn event_lines(look: &Look<'_>, label: &str, event: &Event) -> Vec<Pieces> {
    let room = look.width.saturating_sub(LABEL + BEFORE).max(1);
    let column = |text: &str, width| fit(text, width, Side::Left, look.theme);
    let lines = wrap(&detail(&event.kind), room).into_iter().enumerate();
    let line = |(index, text)| {
        if index > 0 {
            let before = column("", LABEL + BEFORE);
            return vec![(before, Tone::Plain), (text, Tone::Plain)];
        }
        let time = clock(event.time, &look.app.zone);
        vec![
            (column(label, LABEL), Tone::Dim),
            (format!("{time} "), Tone::Plain),
            (column(label::event(&event.kind), 10), tone(&event.kind)),
            (text, Tone::Plain),
        ]
    };
    lines.map(line).collect()
}

fn detail(kind: &EventKind) -> String {
    let mut parts = Vec::new();
    match kind {
        EventKind::Alert(alert) => {
            parts.push(phrase::usage(&alert.usage));
            parts.push(match alert.kind {
                AlertKind::SlowSearch(took) => phrase::search(took),
                _ => phrase::trend(&alert.forecast, &alert.usage),
            });
            parts.extend(alert.process.as_ref().map(phrase::process));
        }
        EventKind::Failure(failure) => {
            parts.extend(failure.usage.as_ref().map(phrase::usage));
            parts.extend(failure.local_port.map(|port| format!("bound port {port}")));
            parts.extend(failure.process.as_ref().map(phrase::process));
            parts.extend(stands_for(failure.process.is_some(), failure.suppressed));
        }
        _ => {}
    }
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

fn tone(kind: &EventKind) -> Tone {
    match kind {
        EventKind::Alert(alert) => match alert.kind {
            AlertKind::Critical => Tone::Alarm,
            AlertKind::Recovered => Tone::Good,
            _ => Tone::Caution,
        },
        EventKind::Failure(failure) if failure.cause == Cause::Exhausted => Tone::Alarm,
        _ => Tone::Note,
    }
}
