//! What the commands share: processes, privileges, namespaces, where things are.

pub mod child;
pub mod debian;
pub mod http;
pub mod interrupt;
pub mod limits;
pub mod netns;
pub mod packages;
pub mod privilege;
pub mod process;
pub mod registries;
pub mod tally;
pub mod terminal;
pub mod workspace;
