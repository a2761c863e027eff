use std::io;

use super::blockers::blocked;
use crate::output::{FreeReport, escape};

/// Writes the ports that a tuple can still get.
///
/// # Errors
/// What `out` returns.
pub fn write_free(out: &mut dyn io::Write, report: &FreeReport<'_>) -> io::Result<()> {
    let netns = escape(&report.tuple.netns);
    writeln!(out, "{netns}  {}", escape(report.tuple))?;
    for (name, value) in rows(report) {
        writeln!(out, "  {name:<12}{value}")?;
    }
    Ok(())
}

/// What is told of a tuple's ports, by name.
pub(in crate::output) fn rows(report: &FreeReport<'_>) -> Vec<(&'static str, String)> {
    let FreeReport { room, search, .. } = report;
    let range = search.range;
    let own = if range == report.namespace.range {
        ""
    } else {
        ", the socket's own"
    };
    let span = format!("{}-{}, {} ports{own}", range.low, range.high, range.len());
    let mut rows = vec![
        ("range", span),
        ("reserved", room.reserved.to_string()),
        ("blocked", blocked(room.blocked, report.blockers)),
        ("capacity", room.capacity.to_string()),
        ("used", room.used.to_string()),
        ("reclaimable", room.reclaimable.to_string()),
        ("headroom", room.headroom.to_string()),
    ];
    if room.untold > 0 {
        let untold = format!("{} ports that may be blocked", room.untold);
        rows.push(("not told", untold));
    }
    let free = if room.free.is_empty() {
        "none".to_owned()
    } else {
        room.free.to_string()
    };
    rows.push(("free ports", free));
    rows
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{FreeReport, write_free};
    use crate::model::{
        Obstacles, PortRange, Search,
        testing::{namespace, tuple},
    };

    #[test]
    fn an_odd_range() {
        let mut namespace = namespace();
        namespace.range = PortRange {
            low: 40_000,
            high: 40_006,
        };
        let search = Search::of(namespace.range);
        let room = search.room(&Obstacles {
            held: [40_001].into_iter().collect(),
            ..Obstacles::default()
        });
        let report = FreeReport {
            time: Timestamp::UNIX_EPOCH,
            kernel: "6.18.44",
            tuple: &tuple("127.0.0.1", "127.0.0.1", 8080),
            namespace: &namespace,
            search,
            room: &room,
            blockers: Ok(&[]),
        };
        let mut out = Vec::new();
        write_free(&mut out, &report).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\
web1  127.0.0.1 -> 127.0.0.1:8080
  range       40000-40006, 7 ports
  reserved    0
  blocked     0
  capacity    7
  used        1
  reclaimable 0
  headroom    5 or 6
  free ports  40000,40002-40006
"
        );
    }
}
