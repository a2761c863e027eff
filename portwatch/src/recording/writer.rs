use std::{
    borrow::Cow,
    io::{self, Write},
};

use super::{
    changes::{Changes, Index},
    format::{Content, Header, MAGIC, Moment, SCHEMA},
    frame,
};
use crate::model::{BindSample, Event, Interval, Item};

/// Writes a recording. Each item is with the output as soon as it is written: a crash loses nothing
/// that this was told.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    index: Index,
    binds: Vec<BindSample>,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a recording.
    ///
    /// # Errors
    /// What `out` returns.
    pub fn new(out: W, header: &Header) -> io::Result<Self> {
        let mut writer = Self::frames(out);
        writer.put(&beginning(header).ok_or(io::ErrorKind::InvalidInput)?)?;
        Ok(writer)
    }

    /// Writes what stands behind the beginning.
    fn frames(out: W) -> Self {
        Self {
            out,
            index: Index::default(),
            binds: Vec::new(),
            written: 0,
        }
    }

    /// Writes an item down. False for one that is too large and was left out: a list of about a
    /// million tuples, other than an interval's, or a longer one.
    ///
    /// # Errors
    /// What the output returns. The recording then ends there, perhaps in the middle of the item,
    /// and nothing more may be written.
    pub fn write(&mut self, item: &Item) -> io::Result<bool> {
        let content = match item {
            Item::Event(event) => Content::Event(Cow::Borrowed(event)),
            Item::Openers(openers) => Content::Openers(Cow::Borrowed(openers)),
            Item::Report(report) => Content::Report(Cow::Borrowed(report)),
            Item::Interval(interval) => return self.interval(interval),
        };
        self.content(&content)
    }

    /// Marks the end; what is written after it is not read. Without it a recording is taken for one
    /// that was cut.
    ///
    /// # Errors
    /// What the output returns.
    pub fn finish(&mut self) -> io::Result<()> {
        self.content(&Content::End).map(drop)
    }

    /// Bytes so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    fn interval(&mut self, interval: &Interval) -> io::Result<bool> {
        let parts = self.index.changes(&interval.samples);
        self.parts(parts, interval)
    }

    /// Writes an interval whose tuples are what these changes make of those before.
    fn parts(&mut self, mut parts: Vec<Changes>, interval: &Interval) -> io::Result<bool> {
        let changes = parts.pop().unwrap_or_default();
        for part in parts {
            if !self.content(&Content::Part(part))? {
                return Ok(false);
            }
        }
        let other = interval.binds != self.binds;
        if other {
            self.binds.clone_from(&interval.binds);
        }
        self.content(&Content::Interval(Moment {
            time: interval.time,
            changes,
            binds: other.then_some(Cow::Borrowed(&interval.binds)),
            tracer: Cow::Borrowed(&interval.tracer),
        }))
    }

    fn content(&mut self, content: &Content<'_>) -> io::Result<bool> {
        let Some(frame) = frame::pack(content) else {
            return Ok(false);
        };
        self.put(&frame)?;
        Ok(true)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

/// What every recording begins with; none where the header is too large.
pub(super) fn beginning(header: &Header) -> Option<Vec<u8>> {
    let mut beginning = MAGIC.to_vec();
    beginning.extend(SCHEMA.to_le_bytes());
    beginning.extend(frame::pack(header)?);
    Some(beginning)
}

impl Writer<Vec<u8>> {
    /// Writes frames alone, to be taken.
    pub(super) fn unopened() -> Self {
        Self::frames(Vec::new())
    }

    /// What was written since this was asked last.
    pub(super) fn taken(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// The first frames of a recording for somebody who joins after `interval`, the last one that was
    /// written: what is written from then on continues it. `started` opens it.
    pub(super) fn joined(&self, started: Event, interval: &Interval) -> io::Result<Vec<u8>> {
        let mut writer = Self::unopened();
        writer.write(&Item::Event(started))?;
        writer.parts(self.index.whole(), interval)?;
        Ok(writer.out)
    }
}
