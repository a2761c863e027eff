//! One line for monitoring systems: state, sentence, performance data, as the monitoring-plugins
//! guidelines describe it (<https://www.monitoring-plugins.org/doc/guidelines.html>).

use std::{fmt::Write as _, io};

use super::{CheckReport, escape};
use crate::model::{CheckState, TupleSample};

/// Tuples in the performance data.
const PERFDATA: usize = 10;
/// Tuples in the sentence.
const NAMED: usize = 3;

/// The word of a state.
#[must_use]
pub fn word(state: CheckState) -> &'static str {
    match state {
        CheckState::Ok => "OK",
        CheckState::Warning => "WARNING",
        CheckState::Critical => "CRITICAL",
        CheckState::Unknown => "UNKNOWN",
    }
}

/// Writes what a check found.
///
/// # Errors
/// What `out` returns.
pub fn write_report(out: &mut dyn io::Write, report: &CheckReport<'_>) -> io::Result<()> {
    let state = word(report.verdict.state);
    let sentence = plain(&sentence(report));
    let perfdata = perfdata(report);
    let line = format!("PORTWATCH {state} - {sentence} | {perfdata}");
    let line = line.strip_suffix(" | ").unwrap_or(&line);
    writeln!(out, "{line}")
}

/// Writes why nothing could be found out.
///
/// # Errors
/// What `out` returns.
pub fn write_unknown(out: &mut dyn io::Write, why: &str) -> io::Result<()> {
    writeln!(out, "PORTWATCH UNKNOWN - {}", plain(why))
}

fn sentence(report: &CheckReport<'_>) -> String {
    let verdict = &report.verdict;
    let faults = verdict.faults();
    let mut parts = Vec::new();
    match (faults, verdict.tuples.first()) {
        ([], None) => parts.push("no connection holds an ephemeral port".to_owned()),
        ([], Some(worst)) => parts.push(format!(
            "fullest of {}: {}",
            count(verdict.tuples.len() as u64, "tuple"),
            describe(worst, report)
        )),
        _ => {
            let named = faults.iter().take(NAMED).map(|s| describe(s, report));
            parts.extend(named);
            match faults.len().saturating_sub(NAMED) {
                0 => {}
                more => parts.push(format!(
                    "{} more from {} on",
                    count(more as u64, "tuple"),
                    report.ratios.warning()
                )),
            }
        }
    }
    let counted = [
        (verdict.exhausted, "connect found no port"),
        (verdict.conflict, "connect from a port taken already"),
        (verdict.untracked, "socket not counted"),
    ];
    for (number, what) in counted {
        if number > 0 {
            let (noun, rest) = what.split_once(' ').unwrap_or((what, ""));
            parts.push(format!("{} {rest}", count(number, noun)));
        }
    }
    match report.warnings.len() as u64 {
        0 => {}
        warnings => parts.push(format!("{}, see stderr", count(warnings, "warning"))),
    }
    parts.join("; ")
}

fn describe(sample: &TupleSample, report: &CheckReport<'_>) -> String {
    let usage = &sample.usage;
    let mut text = format!(
        "{} uses {} of {} ports ({} %)",
        sample.tuple,
        usage.busy(),
        usage.capacity,
        (usage.utilisation() * 100.0).floor()
    );
    if sample.tuple.netns.inum != report.own_netns {
        let _ = write!(text, " in {}", sample.tuple.netns);
    }
    if usage.time_wait > 0 {
        let _ = write!(text, ", {} in TIME_WAIT", usage.time_wait);
    }
    if let Some(reclaimable @ 1..) = usage.reclaimable {
        let _ = write!(text, " ({reclaimable} reclaimable)");
    }
    if let Some(room) = usage.room {
        let _ = write!(text, ", {room} left");
    }
    text
}

fn perfdata(report: &CheckReport<'_>) -> String {
    let one = |sample: &TupleSample| {
        let thresholds = report.ratios.thresholds(sample.usage.capacity);
        format!(
            "'{}'={};{};{};0;{}",
            label(sample, report.own_netns),
            sample.usage.busy(),
            thresholds.warning,
            thresholds.critical,
            sample.usage.capacity
        )
    };
    let worst = report.verdict.tuples.iter().take(PERFDATA);
    worst.map(one).collect::<Vec<_>>().join(" ")
}

/// `LOCAL->PEER:PORT`, with the namespace before it where it is not portwatch's own.
fn label(sample: &TupleSample, own_netns: u32) -> String {
    let mut label = sample.tuple.to_string().replace(' ', "");
    if sample.tuple.netns.inum != own_netns {
        label.insert_str(0, &format!("{} ", sample.tuple.netns));
    }
    // A label is quoted, must not hold an equals sign, and doubles its quotes.
    plain(&label).replace('=', "_").replace('\'', "''")
}

/// Text that can't be taken for the beginning of performance data or of another line.
fn plain(text: &str) -> String {
    escape(text).replace('|', "/")
}

fn count(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::{CheckReport, TupleSample, write_report, write_unknown};
    use crate::model::{
        Ratios, Verdict,
        testing::{netns, sample},
    };

    fn written(samples: &mut [TupleSample], own_netns: u32, warnings: &[String]) -> String {
        let ratios = Ratios::default();
        let report = CheckReport {
            time: jiff::Timestamp::UNIX_EPOCH,
            kernel: "6.18.44",
            source: "netlink",
            hooks: None,
            ratios,
            namespaces: &[],
            own_netns,
            verdict: Verdict::new(samples, &ratios),
            warnings,
        };
        let mut out = Vec::new();
        write_report(&mut out, &report).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn ok_names_the_fullest_tuple() {
        assert_eq!(
            written(
                &mut [sample(80, 1, 500), sample(443, 7, 500)],
                netns().inum,
                &[]
            ),
            "PORTWATCH OK - fullest of 2 tuples: 127.0.0.1 -> 127.0.0.1:443 uses 7 of 500 ports \
             (1 %) | '127.0.0.1->127.0.0.1:443'=7;250;400;0;500 \
             '127.0.0.1->127.0.0.1:80'=1;250;400;0;500\n"
        );
    }

    #[test]
    fn nothing_in_use_has_no_performance_data() {
        assert_eq!(
            written(&mut [], 0, &[]),
            "PORTWATCH OK - no connection holds an ephemeral port\n"
        );
    }

    #[test]
    fn faults_come_worst_first_with_what_else_is_wrong() {
        let mut samples = [sample(80, 251, 500), sample(443, 412, 500)];
        samples[1].usage.time_wait = 400;
        samples[1].exhausted = 3;
        samples[0].untracked = 1;
        let text = written(&mut samples, 1, &["x".to_owned()]);
        assert_eq!(
            text,
            "PORTWATCH CRITICAL - \
             127.0.0.1 -> 127.0.0.1:443 uses 412 of 500 ports (82 %) in web1, 400 in TIME_WAIT; \
             127.0.0.1 -> 127.0.0.1:80 uses 251 of 500 ports (50 %) in web1; \
             3 connects found no port; 1 socket not counted; 1 warning, see stderr | \
             'web1 127.0.0.1->127.0.0.1:443'=412;250;400;0;500 \
             'web1 127.0.0.1->127.0.0.1:80'=251;250;400;0;500\n"
        );
    }

    #[test]
    fn many_tuples_stay_one_short_line() {
        let mut samples: Vec<_> = (0..100).map(|port| sample(port, 300, 500)).collect();
        let text = written(&mut samples, netns().inum, &[]);
        assert!(text.contains("; 97 tuples more from 50 % on | "), "{text}");
        assert_eq!(text.matches(";250;400;").count(), 10);
    }

    #[test]
    fn names_are_quoted() {
        let mut samples = [sample(80, 1, 500)];
        samples[0].tuple.netns.name = Some("it's a=b|c\nd".into());
        let text = written(&mut samples, 1, &[]);
        assert!(text.contains("'it''s a_b/c\\nd 127.0.0.1->"), "{text}");
        assert_eq!(text.matches('|').count(), 1);
        assert_eq!(text.matches('\n').count(), 1);
    }

    #[test]
    fn unknown_says_why_on_one_line() {
        let mut out = Vec::new();
        write_unknown(&mut out, "no luck\nat | all").unwrap();
        assert_eq!(out, b"PORTWATCH UNKNOWN - no luck\\nat / all\n");
    }
}
