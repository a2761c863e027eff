//! How portwatch writes down what it knows: text for people, JSON for programs, one line for
//! monitoring systems. Nothing here reads the machine.

mod escape;
pub mod explain;
pub mod html;
pub mod journal;
pub mod json;
pub mod nagios;
pub mod prometheus;
mod report;
mod style;
mod table;
pub mod text;
pub mod tui;

use std::io;

use crate::model::Event;

pub use escape::escape;
pub use report::{CheckReport, FreeReport};
pub use style::{ColorChoice, use_color};

/// Writes events down, one after the other.
pub trait EventWriter {
    /// Writes one event, newline included.
    ///
    /// # Errors
    /// What `out` returns; a closed pipe is `BrokenPipe`.
    fn event(&mut self, out: &mut dyn io::Write, event: &Event) -> io::Result<()>;
}
