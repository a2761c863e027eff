use std::io;

use jiff::Timestamp;

use crate::{
    kernel::openers::process,
    model::{Connection, Opener, OpenerCounts, Openers},
    tracer::Observer,
};

/// Who opened these connections, those of most ports first.
pub(in crate::commands) fn openers(connections: &[Connection], observer: &Observer) -> Vec<Opener> {
    let mut counts = OpenerCounts::default();
    for connection in connections {
        counts.add(connection);
    }
    named(&counts, observer)
}

/// Who opened the connections of every tuple, as far as the tracer has seen it.
///
/// # Errors
/// When the tracer's set can't be read.
pub(in crate::commands) fn all_openers(observer: &Observer) -> io::Result<Openers> {
    let tuples = observer.openers()?.into_iter();
    let named = tuples.map(|(tuple, counts)| (tuple, named(&counts, observer)));
    Ok(Openers {
        time: Timestamp::now(),
        tuples: named.collect(),
    })
}

fn named(counts: &OpenerCounts, observer: &Observer) -> Vec<Opener> {
    counts.named(|pid, oldest| process(pid, observer.comm(pid), oldest))
}
