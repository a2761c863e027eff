//! A report on one tuple, for people: as text, and as Markdown to paste where an incident is talked
//! about.

mod markdown;
pub(super) mod rows;
mod text;

pub use markdown::write_markdown;
pub use text::write_text;
