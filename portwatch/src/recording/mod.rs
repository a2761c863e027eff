//! Sessions in files: what a [`Writer`] writes on one machine, a [`Reader`] reads on any.
//!
//! A recording is a magic number, the number of its schema, and frames, each with checksums of its
//! own: the header, then an item each, and an end mark. So it can be cut anywhere and be read up to
//! there. Of an interval only the tuples that changed are written; the reader makes whole ones of
//! that again. Nothing here opens a file or looks at the machine.

mod changes;
#[cfg(test)]
pub(crate) mod fixture;
mod format;
mod frame;
mod live;
mod load;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use format::{Header, SCHEMA};
pub use live::Live;
pub use load::{Recording, load};
pub use reader::{End, OpenError, Reader, Said};
pub use writer::Writer;
