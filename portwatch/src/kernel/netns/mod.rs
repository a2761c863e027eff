//! The network namespaces of the machine, as far as a path leads to them.
//!
//! A namespace lives as long as a process, a mount, a descriptor or a socket holds it. Found are
//! those that processes and the usual mounts hold, and, by [`Discovery::deepen`], those that only a
//! single thread or an open descriptor holds. Not found: one that only sockets hold, or a mount in
//! another mount namespace.

mod discovery;
mod enter;
#[cfg(test)]
pub(crate) mod fixture;
mod handle;
mod private;
mod selector;

pub use discovery::Discovery;
pub use enter::in_netns;
pub use handle::Netns;
pub(crate) use private::{enter_new_netns, loopback_up};
pub use selector::{Selector, SelectorError};
