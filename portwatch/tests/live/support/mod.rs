//! What the tests stand on: namespaces, traffic, the kernel's own list, and the program under test.

pub mod bpf_objects;
pub mod bystander;
pub mod check;
pub mod crowd;
pub mod environment;
pub mod event;
pub mod forked;
pub mod hooks;
pub mod kernel_list;
pub mod marker;
pub mod netns;
pub mod netstat;
pub mod passing;
pub mod process;
pub mod ring;
pub mod sandbox;
pub mod server;
pub mod socket;
pub mod ss;
pub mod tally;
pub mod ticks;
pub mod traffic;
pub mod udp;
pub mod veth;
pub mod wait;
pub mod watcher;
