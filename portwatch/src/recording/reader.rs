use std::io::{self, Read};

use super::{
    changes::Table,
    format::{Content, Header, MAGIC, Moment, SCHEMA},
    frame::{self, Missing},
};
use crate::model::{BindSample, Interval, Item, Reply};

/// Reads a recording, item by item.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    table: Table,
    binds: Vec<BindSample>,
    /// Bytes of whole frames so far.
    at: u64,
    end: Option<End>,
}

/// What a recording holds, or somebody who writes one says to those who read along.
#[derive(Debug)]
pub enum Said {
    /// A part of the session.
    Item(Item),
    /// A sentence for the reader.
    Note(String),
    /// The answer to what the reader asked.
    Reply(Reply),
}

/// How a recording ends, and at which of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Where its session did.
    Complete,
    /// It was cut, or its writer was: what follows this byte is missing.
    Cut {
        /// Length of what was read.
        at: u64,
    },
    /// What follows this byte is not what was written.
    Damaged {
        /// Length of what was read.
        at: u64,
    },
    /// What follows this byte can't be read.
    Unreadable {
        /// Length of what was read.
        at: u64,
        /// What the system says.
        reason: String,
    },
}

/// Why something can't be read as a recording.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is something else.
    #[error("this is no recording of portwatch")]
    Foreign,
    /// It is one of another version.
    #[error(
        "this recording has schema {found}, and this portwatch reads schema {SCHEMA}; \
         {} version of portwatch reads it",
        if *found > SCHEMA { "a later" } else { "an earlier" }
    )]
    OtherSchema {
        /// The recording's.
        found: u32,
    },
    /// It ends before its first item.
    #[error("the recording ends in the middle of its header: nothing of it is left")]
    Cut,
    /// Its header is not what was written.
    #[error("the recording's header is damaged")]
    Damaged,
    /// It can't be read at all.
    #[error("cannot read")]
    Unreadable(#[source] io::Error),
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn new(mut input: R) -> Result<(Header, Self), OpenError> {
        let mut magic = Vec::new();
        take(&mut input, MAGIC.len(), &mut magic)?;
        if !MAGIC.starts_with(&magic) || magic.is_empty() {
            return Err(OpenError::Foreign);
        }
        let mut schema = Vec::new();
        take(&mut input, size_of_val(&SCHEMA), &mut schema)?;
        let Ok(schema) = schema.try_into().map(u32::from_le_bytes) else {
            return Err(OpenError::Cut);
        };
        if schema != SCHEMA {
            return Err(OpenError::OtherSchema { found: schema });
        }
        let (header, length) = frame::unpack(&mut input)?;
        let reader = Self {
            input,
            table: Table::default(),
            binds: Vec::new(),
            at: (MAGIC.len() + size_of_val(&SCHEMA)) as u64 + length,
            end: None,
        };
        Ok((header, reader))
    }

    /// How the recording ends; none before its last item was taken.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// What comes next, what was said to those who read along included; none at the end.
    pub fn hear(&mut self) -> Option<Said> {
        if self.end.is_some() {
            return None;
        }
        match self.read() {
            Ok(said) => Some(said),
            Err(end) => {
                self.end = Some(end);
                None
            }
        }
    }

    fn read(&mut self) -> Result<Said, End> {
        loop {
            let at = self.at;
            let (content, length) =
                frame::unpack(&mut self.input).map_err(|missing| match missing {
                    Missing::Ends => End::Cut { at },
                    Missing::Damaged => End::Damaged { at },
                    Missing::Unreadable(error) => End::Unreadable {
                        at,
                        reason: error.to_string(),
                    },
                })?;
            let said = match content {
                Content::Event(event) => Said::Item(Item::Event(event.into_owned())),
                Content::Openers(openers) => Said::Item(Item::Openers(openers.into_owned())),
                Content::Report(report) => Said::Item(Item::Report(report.into_owned())),
                Content::Note(note) => Said::Note(note.into_owned()),
                Content::Reply(reply) => Said::Reply(reply.into_owned()),
                Content::Part(changes) => {
                    self.table.apply(changes).ok_or(End::Damaged { at })?;
                    self.at += length;
                    continue;
                }
                Content::Interval(moment) => {
                    let interval = self.interval(moment).ok_or(End::Damaged { at })?;
                    Said::Item(Item::Interval(interval))
                }
                Content::End => return Err(End::Complete),
            };
            self.at += length;
            return Ok(said);
        }
    }

    fn interval(&mut self, moment: Moment<'_>) -> Option<Interval> {
        self.table.apply(moment.changes)?;
        if let Some(binds) = moment.binds {
            self.binds = binds.into_owned();
        }
        Some(Interval {
            time: moment.time,
            samples: self.table.samples(),
            binds: self.binds.clone(),
            tracer: moment.tracer.into_owned(),
        })
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            match self.hear()? {
                Said::Item(item) => return Some(item),
                Said::Note(note) => log::info!("it says: {note}"),
                Said::Reply(_) => {}
            }
        }
    }
}

impl From<Missing> for OpenError {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Ends => Self::Cut,
            Missing::Damaged => Self::Damaged,
            Missing::Unreadable(error) => Self::Unreadable(error),
        }
    }
}

/// Takes so many bytes off the input, or as many as there are.
fn take(input: &mut impl Read, length: usize, bytes: &mut Vec<u8>) -> Result<(), OpenError> {
    let read = input.take(length as u64).read_to_end(bytes);
    read.map(drop).map_err(OpenError::Unreadable)
}
