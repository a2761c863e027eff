mod fentry;
mod kprobe;
mod on_demand;
mod tracepoint;
mod walk;
