//! Entries of the systemd journal, in its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).

use std::io;

use serde_json::Value;

use super::{EventWriter, json::JsonWriter};
use crate::model::{AlertKind, Event, EventKind};

/// How urgent an event is, as syslog(3) numbers it.
#[must_use]
pub fn priority(event: &Event) -> u8 {
    const CRITICAL: u8 = 2;
    const ERROR: u8 = 3;
    const WARNING: u8 = 4;
    const NOTICE: u8 = 5;
    const INFO: u8 = 6;
    match &event.kind {
        EventKind::Started(_) => INFO,
        EventKind::Alert(alert) => match alert.kind {
            AlertKind::Critical => CRITICAL,
            AlertKind::Warning | AlertKind::Predicted | AlertKind::SlowSearch(_) => WARNING,
            AlertKind::Recovered => NOTICE,
        },
        EventKind::Failure(_) | EventKind::BindFailure(_) => ERROR,
        EventKind::Lost { .. } | EventKind::Degraded { .. } => WARNING,
    }
}

/// An event as an entry: `message` for people, and as fields what the JSON line has that is no list,
/// `PORTWATCH_` before each name.
///
/// # Errors
/// None that a memory buffer could cause.
pub fn entry(event: &Event, message: &str) -> io::Result<Vec<u8>> {
    let mut json = Vec::new();
    JsonWriter.event(&mut json, event)?;
    let keys: serde_json::Map<String, Value> = serde_json::from_slice(&json)?;
    let mut entry = Vec::new();
    field(&mut entry, "MESSAGE", message);
    field(&mut entry, "PRIORITY", &priority(event).to_string());
    field(&mut entry, "SYSLOG_IDENTIFIER", "portwatch");
    for (key, value) in &keys {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(on) => on.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => continue,
        };
        let name = format!("PORTWATCH_{}", key.to_ascii_uppercase());
        field(&mut entry, &name, &text);
    }
    Ok(entry)
}

fn field(entry: &mut Vec<u8>, name: &str, value: &str) {
    entry.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        // A value of several lines comes with its length.
        entry.push(b'\n');
        entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        entry.push(b'=');
    }
    entry.extend_from_slice(value.as_bytes());
    entry.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::{entry, field, priority};
    use crate::model::{
        AlertKind, EventKind,
        testing::{alert, event, failure},
    };

    #[test]
    fn an_entry_has_the_facts_as_fields() {
        let warning = event(EventKind::Alert(alert(AlertKind::Warning)));
        let entry = String::from_utf8(entry(&warning, "WARNING web1").unwrap()).unwrap();
        for line in [
            "MESSAGE=WARNING web1",
            "PRIORITY=4",
            "SYSLOG_IDENTIFIER=portwatch",
            "PORTWATCH_EVENT=warning",
            "PORTWATCH_NETNS=4026532000",
            "PORTWATCH_NETNS_NAME=web1",
            "PORTWATCH_PEER_PORT=8080",
            "PORTWATCH_USED=412",
            "PORTWATCH_COMM=haproxy",
        ] {
            assert!(entry.lines().any(|it| it == line), "{line} in {entry}");
        }
        assert!(!entry.contains("PORTWATCH_CONTAINER"), "{entry}");
    }

    #[test]
    fn a_line_break_makes_no_field_of_its_own() {
        let mut bytes = Vec::new();
        field(&mut bytes, "MESSAGE", "a\nPRIORITY=0");
        let expected = b"MESSAGE\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n";
        assert_eq!(bytes, expected);
    }

    #[test]
    fn failures_are_errors() {
        assert_eq!(priority(&event(EventKind::Failure(failure()))), 3);
    }
}
