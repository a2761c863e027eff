//! What the reader asked for and what is to be shown: no terminal, no drawing.

mod app;
mod cursor;
mod figures;
mod filter;
mod group;
mod handle;
mod hold;
mod key;
mod page;
mod row;
mod sort;
#[cfg(test)]
mod tests;

pub use app::{App, Setup};
pub use group::GroupBy;
pub use handle::Action;
pub use key::Key;
pub use page::Playback;
pub use sort::Column;

pub(super) use figures::{Figures, Severity};
pub(super) use hold::Why;
pub(super) use page::Page;
pub(super) use row::{Row, Subject};
