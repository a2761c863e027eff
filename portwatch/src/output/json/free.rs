use std::io;

use serde::Serialize;

use super::{
    SCHEMA,
    blockers::BlockerKeys,
    keys::{NamespaceKeys, TupleKeys, time},
    write_line,
};
use crate::output::FreeReport;

/// What `free --json` prints, and `explain --json` beside more.
#[derive(Serialize)]
pub(super) struct Free<'a> {
    schema: u32,
    time: String,
    kernel: &'a str,
    namespace: NamespaceKeys<'a>,
    #[serde(flatten)]
    tuple: TupleKeys<'a>,
    /// The range of the search: the namespace's, or the socket's own inside it.
    range: [u16; 2],
    reserved: u32,
    blocked: u32,
    /// Null where nobody can read who they are.
    blockers: Option<Vec<BlockerKeys<'a>>>,
    untold: u32,
    capacity: u32,
    used: u32,
    reclaimable: u32,
    headroom: u32,
    headroom_max: u32,
    /// As in sysctls: `30000-30012,30015`.
    free: String,
}

impl<'a> Free<'a> {
    pub fn new(report: &FreeReport<'a>) -> Self {
        let FreeReport { room, search, .. } = report;
        let blockers = report.blockers;
        let blockers = blockers.map(|all| all.iter().map(BlockerKeys::new).collect());
        Self {
            schema: SCHEMA,
            time: time(report.time),
            kernel: report.kernel,
            namespace: NamespaceKeys::new(report.namespace),
            tuple: TupleKeys::new(report.tuple),
            range: [search.range.low, search.range.high],
            reserved: room.reserved,
            blocked: room.blocked,
            blockers: blockers.ok(),
            untold: room.untold,
            capacity: room.capacity,
            used: room.used,
            reclaimable: room.reclaimable,
            headroom: room.headroom.sure,
            headroom_max: room.headroom.most,
            free: room.free.to_string(),
        }
    }
}

/// Writes the ports that a tuple can still get.
///
/// # Errors
/// What `out` returns.
pub fn write_free(out: &mut dyn io::Write, report: &FreeReport<'_>) -> io::Result<()> {
    write_line(out, &Free::new(report))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{FreeReport, write_free};
    use crate::model::{
        Blocker, Hold, Obstacles, Owner, Search,
        testing::{namespace, tuple},
    };

    #[test]
    fn a_report() {
        let search = Search::of(namespace().range);
        let room = search.room(&Obstacles {
            reserved: [40_000].into_iter().collect(),
            blocked: [40_001].into_iter().collect(),
            ..Obstacles::default()
        });
        let blockers = [
            Blocker {
                owner: Owner::Process {
                    pid: 812,
                    comm: "nginx".to_owned(),
                },
                hold: Hold::Listener,
                ports: (40_001..40_009).collect(),
            },
            Blocker {
                owner: Owner::Nobody,
                hold: Hold::TimeWait,
                ports: vec![40_020],
            },
        ];
        let report = FreeReport {
            time: Timestamp::UNIX_EPOCH,
            kernel: "6.18.44",
            tuple: &tuple("127.0.0.1", "127.0.0.1", 8080),
            namespace: &namespace(),
            search,
            room: &room,
            blockers: Ok(&blockers),
        };
        let mut out = Vec::new();
        write_free(&mut out, &report).unwrap();
        let text = String::from_utf8(out).unwrap();
        let tail = concat!(
            r#""local_ip":"127.0.0.1","peer_ip":"127.0.0.1","peer_port":8080,"bound_dev":null,"#,
            r#""range":[40000,40499],"reserved":1,"blocked":1,"blockers":["#,
            r#"{"pid":812,"comm":"nginx","orphan":false,"kind":"listener","ports":8,"#,
            r#""examples":[40001,40002,40003,40004,40005]},"#,
            r#"{"pid":null,"comm":null,"orphan":true,"kind":"time_wait","ports":1,"#,
            r#""examples":[40020]}],"untold":0,"capacity":498,"#,
            r#""used":0,"reclaimable":0,"headroom":498,"headroom_max":498,"#,
            r#""free":"40002-40499"}"#,
            "\n"
        );
        assert!(text.ends_with(tail), "{text}");
        assert!(text.starts_with(r#"{"schema":1,"time":"1970"#), "{text}");
    }
}
