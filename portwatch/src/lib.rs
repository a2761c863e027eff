//! portwatch warns before Linux runs out of ephemeral ports, and says at once who ran out.
//!
//! Data flows one way: kernel hooks count into BPF maps, [`tracer`] reads them as typed events and
//! samples, [`model`] (pure, no input or output) judges them, [`output`] writes them down.
//! [`recording`] keeps them in files, from which they come again as from a tracer.
//! [`kernel`] reads the machine: type information, namespaces, sockets, processes. [`cli`] and
//! [`commands`] are the program that stands on them.

pub mod build;
pub mod cli;
pub mod commands;
pub mod exit;
pub mod kernel;
pub mod logging;
pub mod model;
pub mod output;
pub mod recording;
pub mod tracer;
