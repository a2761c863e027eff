pub mod errno;
pub mod function;
pub mod iter;
pub mod kprobe;
pub mod on_demand;
pub mod timer;
pub mod tracepoint;
