use crate::{
    kernel::openers::process,
    model::{Connection, Opener, OpenerCounts},
    tracer::Observer,
};

/// Who opened these connections, those of most ports first.
pub(in crate::commands) fn openers(connections: &[Connection], observer: &Observer) -> Vec<Opener> {
    let mut counts = OpenerCounts::default();
    for connection in connections {
        counts.add(connection);
    }
    counts.named(|pid, oldest| process(pid, observer.comm(pid), oldest))
}
