//! The commands, a file each: they ask the machine, the tracer and the model, and hand the answer
//! to the output.

mod ask;
pub mod check;
pub mod daemon;
pub mod doctor;
mod end;
pub mod explain;
pub mod free;
pub mod generate;
mod header;
mod investigate;
mod lookups;
mod printer;
pub mod record;
pub mod replay;
mod select;
mod served;
mod session;
pub mod top;
mod tracing;
pub mod watch;
