use std::{io::Write, time::Duration};

use anyhow::{Context, Result};
use jiff::Timestamp;

use super::{summary::Summary, target::Target};
use crate::{
    commands::header::header,
    model::{Item, Ratios},
    recording::Writer,
};

/// Writes items down, and keeps count of them.
pub(super) struct Recorder {
    writer: Writer<Box<dyn Write>>,
    summary: Summary,
    /// Where to.
    name: String,
}

impl Recorder {
    /// Begins a recording.
    ///
    /// # Errors
    /// When the target can't be opened or written.
    pub fn start(target: &Target, ratios: Ratios) -> Result<Self> {
        let header = header(Timestamp::now(), ratios);
        let name = target.name();
        let writer = Writer::new(target.open()?, &header);
        Ok(Self {
            writer: writer.with_context(|| format!("cannot write to {name}"))?,
            summary: Summary::default(),
            name,
        })
    }

    /// Tells that it has begun.
    pub fn announce(&self, duration: Option<Duration>) {
        let until = match duration {
            Some(duration) => format!("for {duration:?}; Ctrl-C ends it earlier"),
            None => "until Ctrl-C".to_owned(),
        };
        eprintln!("portwatch: recording to {}, {until}", self.name);
    }

    /// Takes an item in.
    ///
    /// # Errors
    /// When it can't be written; what was written before stays readable.
    pub fn take(&mut self, item: &Item) -> Result<()> {
        self.summary.add(item);
        let written = self.writer.write(item);
        if !written.with_context(|| self.failed())? {
            log::warn!("too large to be recorded: {}", kind(item));
        }
        Ok(())
    }

    /// Marks the end, and tells what it was.
    ///
    /// # Errors
    /// When that can't be written.
    pub fn finish(mut self) -> Result<()> {
        let finished = self.writer.finish();
        finished.with_context(|| self.failed())?;
        for line in self.summary.lines(&self.name, self.writer.written()) {
            eprintln!("portwatch: {line}");
        }
        Ok(())
    }

    fn failed(&self) -> String {
        format!(
            "cannot write to {}, of which {} bytes can be replayed",
            self.name,
            self.writer.written()
        )
    }
}

fn kind(item: &Item) -> &'static str {
    match item {
        Item::Event(_) => "an event",
        Item::Interval(_) => "the counts of an interval",
        Item::Openers(_) => "who opened the connections",
        Item::Report(_) => "a report of a tuple",
    }
}
