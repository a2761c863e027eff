use std::io;

use serde::Serialize;

use super::{SCHEMA, write_line};
use crate::model::{Diagnosis, Readiness};

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    /// `ready`, `denied` (not as this user) or `unsupported` (not on this kernel).
    readiness: &'static str,
    /// The hook set that `watch` will use.
    hooks: Option<&'static str>,
    checks: Vec<CheckKeys<'a>>,
    hook_sets: Vec<HookSetKeys<'a>>,
}

#[derive(Serialize)]
struct CheckKeys<'a> {
    name: &'static str,
    status: &'static str,
    finding: &'a str,
    advice: Option<&'a str>,
}

#[derive(Serialize)]
struct HookSetKeys<'a> {
    name: &'static str,
    usable: bool,
    reason: Option<&'a str>,
    blind_spots: &'a [String],
    programs: Vec<ProgramKeys>,
}

#[derive(Serialize)]
struct ProgramKeys {
    name: &'static str,
    /// Null where the kernel doesn't tell.
    verified_insns: Option<u64>,
}

/// Writes the findings of `doctor`.
///
/// # Errors
/// What `out` returns.
pub fn write_diagnosis(out: &mut dyn io::Write, diagnosis: &Diagnosis) -> io::Result<()> {
    let checks = diagnosis.checks.iter().map(|check| CheckKeys {
        name: check.name,
        status: check.status.word(),
        finding: &check.finding,
        advice: check.advice.as_deref(),
    });
    let hook_sets = diagnosis.hooks.iter().map(|hooks| HookSetKeys {
        name: hooks.name,
        usable: hooks.usable,
        reason: hooks.reason.as_deref(),
        blind_spots: &hooks.blind_spots,
        programs: hooks
            .programs
            .iter()
            .map(|&(name, verified_insns)| ProgramKeys {
                name,
                verified_insns,
            })
            .collect(),
    });
    write_line(
        out,
        &Report {
            schema: SCHEMA,
            readiness: match diagnosis.readiness() {
                Readiness::Ready => "ready",
                Readiness::Denied => "denied",
                Readiness::Unsupported => "unsupported",
            },
            hooks: diagnosis.chosen().map(|hooks| hooks.name),
            checks: checks.collect(),
            hook_sets: hook_sets.collect(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::write_diagnosis;
    use crate::model::{Check, Diagnosis, HookSetReport};

    #[test]
    fn every_key_is_there() {
        let diagnosis = Diagnosis {
            checks: vec![Check::ok("kernel", "6.18.44")],
            hooks: vec![HookSetReport {
                name: "tracepoint",
                usable: true,
                reason: None,
                blind_spots: Vec::new(),
                programs: vec![("sys_exit", Some(40)), ("timer_start", None)],
            }],
        };
        let mut out = Vec::new();
        write_diagnosis(&mut out, &diagnosis).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"schema":1,"readiness":"ready","hooks":"tracepoint","checks":[{"#,
                r#""name":"kernel","status":"ok","finding":"6.18.44","advice":null}],"#,
                r#""hook_sets":[{"name":"tracepoint","usable":true,"reason":null,"#,
                r#""blind_spots":[],"programs":[{"name":"sys_exit","verified_insns":40},"#,
                r#"{"name":"timer_start","verified_insns":null}]}]}"#,
                "\n"
            )
        );
    }
}
