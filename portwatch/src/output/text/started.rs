use std::io;

use super::{TextOptions, phrase};
use crate::{
    model::{Namespace, Started, TupleSample},
    output::{
        escape,
        table::{Side, Table},
    },
};

/// Namespaces shown; a host of many containers has hundreds.
const NAMESPACES: usize = 20;

/// Writes what the tracer found, behind the label.
pub(super) fn write(
    out: &mut dyn io::Write,
    started: &Started,
    options: &TextOptions,
) -> io::Result<()> {
    writeln!(
        out,
        "portwatch {}: {} hooks, kernel {}, {}, {}",
        env!("CARGO_PKG_VERSION"),
        started.hooks,
        escape(&started.kernel),
        count(started.namespaces.len() as u64, "network namespace"),
        count(started.sockets, "outgoing TCP connection"),
    )?;
    namespaces(out, &started.namespaces)?;
    writeln!(out)?;
    tuples(out, &started.tuples, options.top)?;
    writeln!(out)?;
    if !started.blind_spots.is_empty() {
        writeln!(out, "  Not seen this way:")?;
        for spot in &started.blind_spots {
            writeln!(out, "  - {}", escape(spot))?;
        }
    }
    writeln!(
        out,
        "  A line appears when a tuple is {} full (warning) or {} full (critical), and for every \
         connect or bind that finds no port.",
        options.ratios.warning(),
        options.ratios.critical(),
    )
}

fn namespaces(out: &mut dyn io::Write, namespaces: &[Namespace]) -> io::Result<()> {
    let mut table = Table::new(&[
        ("NAMESPACE", Side::Left),
        ("PORT RANGE", Side::Left),
        ("RESERVED", Side::Right),
        ("BLOCKED", Side::Right),
        ("CAPACITY", Side::Right),
        ("TW_REUSE", Side::Right),
        ("", Side::Left),
    ]);
    for namespace in namespaces.iter().take(NAMESPACES) {
        table.row(vec![
            escape(&namespace.id),
            format!("{}-{}", namespace.range.low, namespace.range.high),
            namespace.reserved.to_string(),
            number(namespace.blocked),
            namespace.capacity().to_string(),
            number(namespace.tw_reuse),
            namespace
                .unreachable
                .as_ref()
                .map(|why| format!("open sockets not listed: {}", escape(why)))
                .unwrap_or_default(),
        ]);
    }
    table.write(out)?;
    match namespaces.len().saturating_sub(NAMESPACES) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more; --json lists all"),
    }
}

fn tuples(out: &mut dyn io::Write, tuples: &[TupleSample], top: usize) -> io::Result<()> {
    if tuples.is_empty() {
        return writeln!(
            out,
            "  All quiet: no connection holds an ephemeral port at the moment."
        );
    }
    let shown = top.min(tuples.len());
    if shown == 0 {
        return writeln!(out, "  {} in use.", count(tuples.len() as u64, "tuple"));
    }
    if shown < tuples.len() {
        writeln!(out, "  The {shown} fullest of {} tuples:", tuples.len())?;
    }
    let mut table = Table::new(&[
        ("NAMESPACE", Side::Left),
        ("LOCAL -> PEER:PORT", Side::Left),
        ("USED", Side::Right),
        ("CAPACITY", Side::Right),
        ("FULL", Side::Right),
        ("", Side::Left),
    ]);
    for sample in tuples.iter().take(shown) {
        table.row(vec![
            escape(&sample.tuple.netns),
            escape(&sample.tuple),
            sample.usage.used.to_string(),
            sample.usage.capacity.to_string(),
            phrase::percent(&sample.usage),
            phrase::trend(&sample.forecast, &sample.usage),
        ]);
    }
    table.write(out)
}

fn number(number: Option<impl ToString>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

fn count(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::{Started, TextOptions, write};
    use crate::model::{
        NetnsId, PortRange, Ratios,
        testing::{namespace, sample},
    };

    fn started() -> Started {
        let mut host = namespace();
        host.id = NetnsId {
            name: None,
            inum: 4_026_531_840,
            cookie: 1,
        };
        host.range = PortRange {
            low: 32_768,
            high: 60_999,
        };
        host.reserved = 2;
        host.blocked = Some(4);
        let mut web1 = namespace();
        web1.tw_reuse = None;
        Started {
            hooks: "tracepoint".to_owned(),
            kernel: "6.18.44".to_owned(),
            blind_spots: vec!["connections opened by io_uring".to_owned()],
            namespaces: vec![host, web1],
            sockets: 0,
            tuples: Vec::new(),
        }
    }

    fn written(started: &Started, top: usize) -> String {
        let options = TextOptions {
            color: false,
            zone: TimeZone::UTC,
            ratios: Ratios::default(),
            top,
        };
        let mut out = Vec::new();
        write(&mut out, started, &options).unwrap();
        String::from_utf8(out)
            .unwrap()
            .replace(env!("CARGO_PKG_VERSION"), "VERSION")
    }

    #[test]
    fn a_quiet_host_is_told_to_be_quiet() {
        assert_eq!(
            written(&started(), 10),
            "\
portwatch VERSION: tracepoint hooks, kernel 6.18.44, 2 network namespaces, \
0 outgoing TCP connections
  NAMESPACE         PORT RANGE   RESERVED  BLOCKED  CAPACITY  TW_REUSE
  net:[4026531840]  32768-60999         2        4     28226         2
  web1              40000-40499         0        -       500         -

  All quiet: no connection holds an ephemeral port at the moment.

  Not seen this way:
  - connections opened by io_uring
  A line appears when a tuple is 50 % full (warning) or 80 % full (critical), \
and for every connect or bind that finds no port.
"
        );
    }

    #[test]
    fn a_busy_host_shows_its_fullest_tuples() {
        let mut busy = started();
        busy.sockets = 441;
        busy.tuples = vec![
            sample(8080, 412, 500),
            sample(80, 28, 500),
            sample(1, 1, 500),
        ];
        busy.tuples[0].usage.time_wait = 12;
        busy.tuples[0].forecast.rate = Some(31.0);
        let text = written(&busy, 2);
        let tuples: Vec<_> = text.lines().skip(5).take(4).collect();
        assert_eq!(
            tuples,
            [
                "  The 2 fullest of 3 tuples:",
                "  NAMESPACE  LOCAL -> PEER:PORT           USED  CAPACITY  FULL",
                "  web1       127.0.0.1 -> 127.0.0.1:8080   412       500  82 %  \
                 +31/s, 12 in TIME_WAIT",
                "  web1       127.0.0.1 -> 127.0.0.1:80      28       500   5 %",
            ]
        );
    }

    #[test]
    fn many_namespaces_are_cut_and_unreachable_ones_say_why() {
        let mut many = started();
        many.namespaces = (0..25)
            .map(|_| {
                let mut namespace = namespace();
                namespace.unreachable = Some("no path leads to it".to_owned());
                namespace
            })
            .collect();
        let text = written(&many, 10);
        assert!(text.contains("  and 5 more; --json lists all\n"), "{text}");
        let why = "2  open sockets not listed: no path leads to it\n";
        assert_eq!(text.matches(why).count(), 20);
    }
}
