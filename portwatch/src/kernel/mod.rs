//! Reading the machine: type information, symbols, namespaces, sockets, processes.
//!
//! Nothing here loads a BPF program, and nothing here concludes anything: that is the tracer's and
//! the model's work.

pub mod btf;
pub mod host;
pub mod netns;
pub mod offsets;
pub mod openers;
pub mod owners;
pub mod proc;
pub mod route;
pub mod sock_diag;
pub mod symbols;
pub mod sysctl;
