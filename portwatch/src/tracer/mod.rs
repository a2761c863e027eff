//! All that touches BPF: load, choose the hook set, attach, events, counters, sweeps.
//!
//! [`Tracer::start`] loads and attaches the kernel side and takes in every socket that exists;
//! [`Tracer::next`] is the stream of what happens from then on. A thread of its own keeps the set
//! true meanwhile: it finds namespaces, sweeps, and takes back the slots of quiet tuples.

mod assembly;
mod attachment;
mod batch;
mod bind_counts;
mod bind_tally;
mod blocked;
mod bpf_log;
mod census;
mod choice;
mod clock;
mod connections;
mod crossing;
mod directory;
mod error;
mod exact;
mod health;
mod keeper;
mod left_out;
mod lives;
mod machine;
mod memory;
mod namespaces;
mod netns;
mod object;
mod options;
mod oracle;
mod plan;
mod pod;
mod ports;
mod process;
mod programs;
mod sample;
mod slots;
mod start;
mod statistics;
mod stream;
mod sweep;
mod table;
mod tally;
#[cfg(test)]
mod tests;
mod trampoline;
mod trial;
mod walk;

pub use census::Surveyor;
pub use choice::{Candidate, candidates};
pub use connections::Observer;
pub use error::TracerError;
pub use options::{HookSet, Options, TimeWait};
pub use ports::{Answer, Ports, Question};
pub use programs::{ProgramCounters, Programs};
pub use start::{Attached, Loader, give_back_memory, spare_memory};
pub use stream::{Tracer, Update};
pub use sweep::Sweeps;
pub use tally::Tick;
