//! The process of a record.

use portwatch_common::Record;

use crate::{
    kernel::proc::{Membership, membership},
    model::Process,
};

/// Who did what the record tells of; none where it happened in nobody's name.
pub(super) fn process(record: &Record) -> Option<Process> {
    if record.pid == 0 {
        return None;
    }
    let end = record
        .comm
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(record.comm.len());
    let Membership { cgroup, container } = membership(record.pid);
    Some(Process {
        pid: record.pid,
        comm: String::from_utf8_lossy(&record.comm[..end]).into_owned(),
        uid: record.uid,
        cgroup,
        container,
    })
}
