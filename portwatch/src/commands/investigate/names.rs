use crate::{
    kernel::openers::Processes,
    model::{Connection, Opener, OpenerCounts},
    tracer::Observer,
};

/// Who opened these connections, those of most ports first.
pub(in crate::commands) fn openers(
    connections: &[Connection],
    observer: &Observer,
    processes: &mut Processes,
) -> Vec<Opener> {
    let mut counts = OpenerCounts::default();
    for connection in connections {
        counts.add(connection);
    }
    counts.named(|pid, oldest| processes.name(pid, || observer.comm(pid), oldest))
}
