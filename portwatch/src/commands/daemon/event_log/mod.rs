//! The log of events, which nobody who does not read it can hold up.

mod backlog;
mod sink;

use std::{env, io};

use jiff::tz::TimeZone;

use self::{backlog::Backlog, sink::Sink};
use crate::{
    cli::LogForm,
    model::{Event, EventKind, Filter, Ratios},
    output::{
        EventWriter, journal,
        json::JsonWriter,
        text::{TextOptions, TextWriter},
    },
};

/// Tuples that the line of the start shows.
const AT_START: usize = 10;

/// Writes the events that pass the filter.
pub(super) struct EventLog {
    form: LogForm,
    filter: Filter,
    /// Read once: its files may be out of reach later.
    zone: TimeZone,
    text: TextWriter,
    sink: Sink,
    backlog: Backlog,
}

impl EventLog {
    /// Nothing written yet.
    pub fn new(form: LogForm, filter: Filter, ratios: Ratios) -> Self {
        let form = chosen(form);
        let zone = TimeZone::system();
        Self {
            form,
            filter,
            text: writer(ratios, zone.clone()),
            zone,
            sink: Sink::new(form == LogForm::Journal),
            backlog: Backlog::default(),
        }
    }

    /// From now on writes in another form, or other events.
    pub fn change(&mut self, form: LogForm, filter: Filter, ratios: Ratios) {
        let form = chosen(form);
        if form != self.form {
            self.flush();
            self.sink = Sink::new(form == LogForm::Journal);
        }
        self.form = form;
        self.filter = filter;
        self.text = writer(ratios, self.zone.clone());
    }

    /// Logs an event.
    pub fn event(&mut self, event: &Event) {
        if !self.filter.event(event) {
            return;
        }
        let mut narrowed = None;
        if let EventKind::Started(started) = &event.kind {
            let mut started = started.clone();
            self.filter.narrow(&mut started);
            narrowed = Some(Event {
                time: event.time,
                kind: EventKind::Started(started),
            });
        }
        // Nothing that is written to memory fails.
        if let Ok(line) = self.line(narrowed.as_ref().unwrap_or(event)) {
            self.backlog.push(line);
        }
        self.flush();
    }

    /// Writes what found no room before.
    pub fn flush(&mut self) {
        let Self { sink, backlog, .. } = self;
        backlog.drain(|line| sink.send(line));
        let lost = backlog.take_lost();
        if lost > 0 {
            log::warn!("nobody read the log: {lost} lines are lost");
        }
    }

    fn line(&mut self, event: &Event) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        match self.form {
            LogForm::Json => JsonWriter.event(&mut line, event)?,
            LogForm::Auto | LogForm::Text => self.text.event(&mut line, event)?,
            LogForm::Journal => {
                self.text.message(&mut line, event)?;
                let text = String::from_utf8_lossy(&line);
                // The start has a table, which its fields have not.
                let message = text
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .trim_end()
                    .to_owned();
                line.clear();
                if self.sink.is_journal() {
                    return journal::entry(event, &message);
                }
                line = format!("<{}>{message}\n", journal::priority(event)).into_bytes();
            }
        }
        Ok(line)
    }
}

/// The form, where that was left open: under systemd stderr goes to the journal, which
/// `JOURNAL_STREAM` tells.
fn chosen(form: LogForm) -> LogForm {
    match form {
        LogForm::Auto if env::var_os("JOURNAL_STREAM").is_some() => LogForm::Journal,
        LogForm::Auto => LogForm::Text,
        form => form,
    }
}

fn writer(ratios: Ratios, zone: TimeZone) -> TextWriter {
    TextWriter::new(TextOptions {
        color: false,
        zone,
        ratios,
        top: AT_START,
    })
}
