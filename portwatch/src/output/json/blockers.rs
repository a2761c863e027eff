use serde::Serialize;

use crate::model::{Blocker, Owner};

/// Ports of a group that are listed.
const EXAMPLES: usize = 5;

/// Ports that one owner holds in one way.
#[derive(Serialize)]
pub(super) struct BlockerKeys<'a> {
    /// Null where no process holds them any more (`orphan`), or none was found.
    pid: Option<u32>,
    comm: Option<&'a str>,
    orphan: bool,
    kind: &'static str,
    ports: usize,
    /// The lowest ones.
    examples: &'a [u16],
}

impl<'a> BlockerKeys<'a> {
    pub fn new(blocker: &'a Blocker) -> Self {
        let (pid, comm) = match &blocker.owner {
            Owner::Process { pid, comm } => (Some(*pid), Some(comm.as_str())),
            Owner::Nobody | Owner::Unknown => (None, None),
        };
        let ports = blocker.ports.as_slice();
        Self {
            pid,
            comm,
            orphan: blocker.owner == Owner::Nobody,
            kind: blocker.hold.name(),
            ports: ports.len(),
            examples: ports.get(..EXAMPLES).unwrap_or(ports),
        }
    }
}
