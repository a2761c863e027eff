//! Hooks: read the arguments, call the accounting.

pub mod iter;
pub mod on_demand;
pub mod tracepoint;
