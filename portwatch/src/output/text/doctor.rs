use std::io;

use anstyle::Style;

use crate::{
    model::{Diagnosis, Readiness, Status},
    output::{
        escape,
        style::{ALARM, CAUTION, GOOD, paint},
    },
};

/// Writes the findings of `doctor` for people.
///
/// # Errors
/// What `out` returns.
pub fn write_diagnosis(
    out: &mut dyn io::Write,
    diagnosis: &Diagnosis,
    color: bool,
) -> io::Result<()> {
    let names = diagnosis.checks.iter().map(|check| check.name.len());
    let width = names.max().unwrap_or(0);
    for check in &diagnosis.checks {
        writeln!(
            out,
            "{}  {:<width$}  {}",
            paint(check.status.word(), 4, style(check.status), color),
            check.name,
            escape(&check.finding),
        )?;
        if let Some(advice) = &check.advice {
            writeln!(out, "      {:<width$}  {}", "", escape(advice))?;
        }
    }
    writeln!(out, "\nHook sets, best first:")?;
    for hooks in &diagnosis.hooks {
        let (word, style) = if hooks.usable {
            ("yes", GOOD)
        } else {
            ("no", CAUTION)
        };
        let reason = hooks.reason.as_ref().map(escape).unwrap_or_default();
        let line = format!(
            "{}   {:<width$}  {reason}",
            paint(word, 3, style, color),
            hooks.name
        );
        writeln!(out, "{}", line.trim_end())?;
        for spot in &hooks.blind_spots {
            writeln!(out, "      {:<width$}  does not see: {}", "", escape(spot))?;
        }
    }
    writeln!(out, "\n{}", conclusion(diagnosis))
}

fn conclusion(diagnosis: &Diagnosis) -> String {
    match diagnosis.readiness() {
        Readiness::Ready => {
            let hooks = diagnosis.chosen().map_or("no", |hooks| hooks.name);
            format!("portwatch watch works here, with {hooks} hooks.")
        }
        Readiness::Denied => "portwatch watch does not work for this user. \
             `portwatch check --source netlink` does, for this network namespace."
            .to_owned(),
        Readiness::Unsupported => "portwatch watch does not work on this kernel. \
             `portwatch check --source netlink` does."
            .to_owned(),
    }
}

fn style(status: Status) -> Style {
    match status {
        Status::Ok => GOOD,
        Status::Warn => CAUTION,
        Status::Fail | Status::Denied => ALARM,
    }
}

#[cfg(test)]
mod tests {
    use super::write_diagnosis;
    use crate::model::{Check, Diagnosis, HookSetReport, Status};

    #[test]
    fn findings_hook_sets_and_a_conclusion() {
        let diagnosis = Diagnosis {
            checks: vec![
                Check::ok("kernel", "6.18.44"),
                Check::not_ok(
                    "privileges",
                    Status::Denied,
                    "CAP_BPF and CAP_PERFMON are missing",
                    "run portwatch as root",
                ),
            ],
            hooks: vec![HookSetReport {
                name: "tracepoint",
                usable: false,
                reason: Some("not tried without privileges".to_owned()),
                blind_spots: vec!["the latency of the port search".to_owned()],
                programs: Vec::new(),
            }],
        };
        let mut out = Vec::new();
        write_diagnosis(&mut out, &diagnosis, false).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\
ok    kernel      6.18.44
fail  privileges  CAP_BPF and CAP_PERFMON are missing
                  run portwatch as root

Hook sets, best first:
no    tracepoint  not tried without privileges
                  does not see: the latency of the port search

portwatch watch does not work for this user. `portwatch check --source netlink` does, \
for this network namespace.
"
        );
    }
}
