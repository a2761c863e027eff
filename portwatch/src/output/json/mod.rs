//! JSON for programs, schema 1: one object a line, keys that never vanish, null for what is not
//! known.

mod bind;
mod blockers;
mod check;
mod counts;
mod doctor;
mod event;
mod explanation;
mod free;
mod keys;
mod report;

use std::io;

use serde::Serialize;

use super::EventWriter;
use crate::model::Event;

pub use bind::write_bind_sample;
pub use check::{write_report, write_unknown};
pub use counts::{TracerKeys, write_sample, write_tick};
pub use doctor::write_diagnosis;
pub use explanation::ExplanationKeys;
pub use free::write_free;
pub use report::{write_explained, write_nothing};

/// Number of the schema. It changes when a key changes its meaning or goes, not when one comes.
pub const SCHEMA: u32 = 1;

/// Writes events as JSON.
#[derive(Debug, Default)]
pub struct JsonWriter;

impl EventWriter for JsonWriter {
    fn event(&mut self, out: &mut dyn io::Write, event: &Event) -> io::Result<()> {
        write_line(out, &event::Line::new(event))
    }
}

fn write_line(out: &mut dyn io::Write, value: &impl Serialize) -> io::Result<()> {
    // serde_json gives an output error back as the io::Error that it was.
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
