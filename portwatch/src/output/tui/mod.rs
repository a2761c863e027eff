//! The live table and the close look at one tuple, on a terminal. `state` is what the reader did and
//! what is shown, without a terminal; `view` draws it.

mod state;
#[cfg(test)]
mod testing;
mod view;

pub use state::{Action, App, Column, GroupBy, Key, Playback, Setup};
pub use view::{Theme, draw};
