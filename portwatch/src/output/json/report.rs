use std::{io, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    ExplanationKeys, SCHEMA,
    free::Free,
    keys::{ForecastKeys, StateKeys, time},
    write_line,
};
use crate::{
    model::{Ages, Failures, Opener, Report},
    output::FreeReport,
};

/// What `explain --json` prints.
#[derive(Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    free: Free<'a>,
    #[serde(flatten)]
    forecast: ForecastKeys,
    states: StateKeys,
    ages: AgeKeys,
    openers: Vec<OpenerKeys<'a>>,
    failures: FailureKeys,
    watched_since: Option<String>,
    failing_since: Option<String>,
    #[serde(flatten)]
    explanation: ExplanationKeys<'a>,
}

#[derive(Serialize)]
struct Nothing<'a> {
    schema: u32,
    time: String,
    kernel: &'a str,
    verdict: Option<&'a str>,
    reason: &'a str,
}

/// Connections by how long they have been open; `unknown` from before anybody watched.
#[derive(Serialize)]
struct AgeKeys {
    under_10s: u32,
    under_1m: u32,
    under_10m: u32,
    under_1h: u32,
    over_1h: u32,
    unknown: u32,
    oldest_seconds: Option<u64>,
}

#[derive(Serialize)]
struct OpenerKeys<'a> {
    pid: Option<u32>,
    comm: Option<&'a str>,
    ended: Option<bool>,
    unit: Option<&'a str>,
    container: Option<&'a str>,
    pod: Option<&'a str>,
    live: u32,
    time_wait: u32,
    oldest_seconds: Option<u64>,
}

/// Failed attempts since somebody watches; null for what is not watched.
#[derive(Serialize)]
struct FailureKeys {
    exhausted: Option<u64>,
    bind_exhausted: Option<u64>,
    udp_exhausted: Option<u64>,
    conflict: Option<u64>,
    no_source_address: Option<u64>,
}

/// Writes a report.
///
/// # Errors
/// What `out` returns.
pub fn write_explained(out: &mut dyn io::Write, report: &Report) -> io::Result<()> {
    write_line(
        out,
        &Explained {
            free: Free::new(&FreeReport::from(report)),
            forecast: ForecastKeys::new(&report.forecast),
            states: StateKeys::new(&report.states),
            ages: AgeKeys::new(&report.ages),
            openers: report.openers.iter().map(OpenerKeys::new).collect(),
            failures: FailureKeys::new(&report.failures),
            watched_since: report.watched_since.map(time),
            failing_since: report.failing_since.map(time),
            explanation: ExplanationKeys::new(&report.explanation),
        },
    )
}

/// Writes that there is nothing to explain: no connection holds an ephemeral port.
///
/// # Errors
/// What `out` returns.
pub fn write_nothing(out: &mut dyn io::Write, now: Timestamp, kernel: &str) -> io::Result<()> {
    write_line(
        out,
        &Nothing {
            schema: SCHEMA,
            time: time(now),
            kernel,
            verdict: None,
            reason: "no connection holds an ephemeral port here",
        },
    )
}

impl AgeKeys {
    fn new(ages: &Ages) -> Self {
        let [under_10s, under_1m, under_10m, under_1h, over_1h] = ages.spread;
        Self {
            under_10s,
            under_1m,
            under_10m,
            under_1h,
            over_1h,
            unknown: ages.unknown,
            oldest_seconds: seconds(ages.oldest),
        }
    }
}

impl<'a> OpenerKeys<'a> {
    fn new(opener: &'a Opener) -> Self {
        let process = opener.process.as_ref();
        let place = process.map(|process| &process.place);
        Self {
            pid: process.map(|process| process.pid),
            comm: process.map(|process| process.comm.as_str()),
            ended: process.map(|process| process.ended),
            unit: place.and_then(|place| place.unit.as_deref()),
            container: place.and_then(|place| place.container.as_deref()),
            pod: place.and_then(|place| place.pod.as_deref()),
            live: opener.live,
            time_wait: opener.time_wait,
            oldest_seconds: seconds(opener.oldest),
        }
    }
}

impl FailureKeys {
    fn new(failures: &Failures) -> Self {
        Self {
            exhausted: failures.connect,
            bind_exhausted: failures.bind,
            udp_exhausted: failures.udp,
            conflict: failures.conflict,
            no_source_address: failures.no_source_address,
        }
    }
}

fn seconds(age: Option<Duration>) -> Option<u64> {
    age.map(|age| age.as_secs())
}

#[cfg(test)]
mod tests {
    use super::write_explained;
    use crate::model::testing::report;

    #[test]
    fn everything_that_a_close_look_told() {
        let mut out = Vec::new();
        write_explained(&mut out, &report()).unwrap();
        let text = String::from_utf8(out).unwrap();
        for part in [
            r#""states":{"established":412,"#,
            r#""ages":{"under_10s":2,"under_1m":0,"under_10m":0,"under_1h":10,"over_1h":0,"#,
            r#""openers":[{"pid":812,"comm":"haproxy","ended":false,"unit":"haproxy.service","#,
            r#"{"pid":null,"comm":null,"ended":null,"unit":null,"container":null,"pod":null,"#,
            r#""failures":{"exhausted":37,"bind_exhausted":null,"#,
            r#""failing_since":"1970-01-01T00:00:07.000000Z""#,
            r#""verdict":"narrow-range""#,
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
