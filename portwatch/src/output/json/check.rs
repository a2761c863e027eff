use std::io;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    SCHEMA,
    keys::{NamespaceKeys, SampleKeys, time},
    write_line,
};
use crate::output::{CheckReport, nagios};

/// What `check --json` prints. Tuples worst first.
#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    time: String,
    state: &'static str,
    /// Why the state is UNKNOWN.
    error: Option<&'a str>,
    kernel: Option<&'a str>,
    hooks: Option<&'static str>,
    source: Option<&'static str>,
    /// Thresholds, shares of the capacity.
    warning: Option<f64>,
    critical: Option<f64>,
    exhausted: Option<u64>,
    conflict: Option<u64>,
    untracked: Option<u64>,
    warnings: &'a [String],
    namespaces: Vec<NamespaceKeys<'a>>,
    tuples: Vec<SampleKeys<'a>>,
}

/// Writes what a check found.
///
/// # Errors
/// What `out` returns.
pub fn write_report(out: &mut dyn io::Write, report: &CheckReport<'_>) -> io::Result<()> {
    let verdict = &report.verdict;
    let share = |permille: u32| f64::from(permille) / 1000.0;
    let namespaces = report.namespaces.iter();
    write_line(
        out,
        &Report {
            schema: SCHEMA,
            time: time(report.time),
            state: nagios::word(verdict.state),
            error: None,
            kernel: Some(report.kernel),
            hooks: report.hooks,
            source: Some(report.source),
            warning: Some(share(report.ratios.warning().permille())),
            critical: Some(share(report.ratios.critical().permille())),
            exhausted: Some(verdict.exhausted),
            conflict: Some(verdict.conflict),
            untracked: Some(verdict.untracked),
            warnings: report.warnings,
            namespaces: namespaces.map(NamespaceKeys::new).collect(),
            tuples: verdict.tuples.iter().map(SampleKeys::new).collect(),
        },
    )
}

/// Writes why nothing could be found out, under the same keys.
///
/// # Errors
/// What `out` returns.
pub fn write_unknown(out: &mut dyn io::Write, now: Timestamp, why: &str) -> io::Result<()> {
    write_line(
        out,
        &Report {
            schema: SCHEMA,
            time: time(now),
            state: "UNKNOWN",
            error: Some(why),
            kernel: None,
            hooks: None,
            source: None,
            warning: None,
            critical: None,
            exhausted: None,
            conflict: None,
            untracked: None,
            warnings: &[],
            namespaces: Vec::new(),
            tuples: Vec::new(),
        },
    )
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{CheckReport, write_report, write_unknown};
    use crate::model::{
        Ratios, States, Verdict,
        testing::{namespace, netns, sample},
    };

    #[test]
    fn a_report() {
        let mut samples = [sample(80, 1, 500), sample(443, 300, 500)];
        let mut states = States::default();
        states.0[1] = 299;
        states.0[6] = 1;
        samples[1].states = Some(states);
        let ratios = Ratios::default();
        let report = CheckReport {
            time: Timestamp::UNIX_EPOCH,
            kernel: "6.18.44",
            source: "netlink",
            hooks: None,
            ratios,
            namespaces: &[namespace()],
            own_netns: netns().inum,
            verdict: Verdict::new(&mut samples, &ratios),
            warnings: &[],
        };
        let mut out = Vec::new();
        write_report(&mut out, &report).unwrap();
        let text = String::from_utf8(out).unwrap();
        let head = concat!(
            r#"{"schema":1,"time":"1970-01-01T00:00:00.000000Z","state":"WARNING","#,
            r#""error":null,"kernel":"6.18.44","hooks":null,"source":"netlink","#,
            r#""warning":0.5,"critical":0.8,"exhausted":0,"conflict":0,"untracked":0,"#,
            r#""warnings":[],"namespaces":[{"netns":4026532000,"name":"web1","#,
            r#""range":[40000,40499],"#,
        );
        assert!(text.starts_with(head), "{text}");
        let states = concat!(
            r#""states":{"established":299,"syn_sent":0,"syn_recv":0,"fin_wait1":0,"#,
            r#""fin_wait2":0,"time_wait":1,"close_wait":0,"last_ack":0,"closing":0}},"#,
        );
        assert!(text.contains(states), "{text}");
        assert!(text.find("\"peer_port\":443") < text.find("\"peer_port\":80"));
        assert_eq!(text.matches('\n').count(), 1);
    }

    #[test]
    fn unknown_has_the_same_keys() {
        let mut out = Vec::new();
        write_unknown(&mut out, Timestamp::UNIX_EPOCH, "timeout").unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"schema":1,"time":"1970-01-01T00:00:00.000000Z","state":"UNKNOWN","#,
                r#""error":"timeout","kernel":null,"hooks":null,"source":null,"#,
                r#""warning":null,"critical":null,"exhausted":null,"conflict":null,"#,
                r#""untracked":null,"warnings":[],"namespaces":[],"tuples":[]}"#,
                "\n"
            )
        );
    }
}
