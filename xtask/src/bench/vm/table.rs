//! The result of a guest: a Markdown table with a column for each subject.

use std::fmt;

use super::{
    finding::{Figures, Finding},
    subject::SCRIPT,
};

/// The best figures by subject, in the order in which they were measured.
pub struct Table {
    columns: Vec<(String, Option<Summary>)>,
}

struct Summary {
    closed_ns: f64,
    released_ns: f64,
    traced_us: f64,
    rate: f64,
}

impl Table {
    /// Sums up what was found of these subjects.
    #[must_use]
    pub fn of(subjects: &[String], findings: &[Finding]) -> Self {
        let all = findings
            .iter()
            .filter_map(|finding| finding.result.as_ref().ok());
        // Every subject's rounds begin with an untraced one.
        let untraced_us = all
            .map(|figures| figures.untraced_us)
            .fold(f64::INFINITY, f64::min);
        let column = |subject: &String| {
            let of_subject = findings
                .iter()
                .filter(|finding| finding.subject == *subject);
            let figures = of_subject.filter_map(|finding| finding.result.as_ref().ok());
            (
                subject.clone(),
                Summary::of(&figures.collect::<Vec<_>>(), untraced_us),
            )
        };
        Self {
            columns: subjects.iter().map(column).collect(),
        }
    }

    fn row(
        &self,
        f: &mut fmt::Formatter<'_>,
        what: &str,
        value: impl Fn(&Summary) -> Option<String>,
    ) -> fmt::Result {
        write!(f, "| {what} |")?;
        for (_, summary) in &self.columns {
            let shown = summary.as_ref().and_then(&value);
            write!(f, " {} |", shown.as_deref().unwrap_or("-"))?;
        }
        writeln!(f)
    }
}

impl Summary {
    /// The best of each figure: whatever else keeps the machine busy makes a figure worse, never
    /// better.
    fn of(figures: &[&Figures], untraced_us: f64) -> Option<Self> {
        if figures.is_empty() {
            return None;
        }
        let least = |value: fn(&Figures) -> f64| {
            figures
                .iter()
                .copied()
                .map(value)
                .fold(f64::INFINITY, f64::min)
        };
        let traced_us = least(|figures| figures.traced_us);
        Some(Self {
            closed_ns: least(|figures| figures.closed_ns),
            released_ns: least(|figures| figures.released_ns),
            traced_us,
            rate: untraced_us / traced_us,
        })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| what |")?;
        for (subject, _) in &self.columns {
            write!(f, " {subject} |")?;
        }
        writeln!(f)?;
        writeln!(f, "|---|{}", "---|".repeat(self.columns.len()))?;
        let nanos = |ns: f64| (ns > 0.0).then(|| format!("{ns:.0}"));
        self.row(
            f,
            "BPF run time, ns a connection, connect to close",
            |summary| nanos(summary.closed_ns),
        )?;
        self.row(f, "the same, to the end of TIME_WAIT", |summary| {
            nanos(summary.released_ns)
        })?;
        let script = self.columns.iter().find(|(subject, _)| subject == SCRIPT);
        let script = script.and_then(|(_, summary)| summary.as_ref());
        self.row(f, "the first, as a multiple of the script's", |summary| {
            let ratio = summary.closed_ns / script?.closed_ns;
            (ratio > 0.0).then(|| format!("{ratio:.2}"))
        })?;
        self.row(f, "connect/close loop, us a connection", |summary| {
            Some(format!("{:.0}", summary.traced_us))
        })?;
        self.row(f, "its rate, traced / untraced", |summary| {
            Some(format!("{:.3}", summary.rate))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, Finding, Table};

    #[test]
    fn a_subject_without_figures_has_an_empty_column() {
        let subjects = ["fentry", "bpftrace script", "kprobe"].map(str::to_owned);
        let finding = |subject: &str, closed_ns| Finding {
            subject: subject.to_owned(),
            result: Ok(Figures {
                untraced_us: 90.0,
                traced_us: 100.0,
                closed_ns,
                released_ns: closed_ns * 2.0,
            }),
        };
        let findings = [
            finding("bpftrace script", 1000.0),
            finding("fentry", 100.0),
            finding("fentry", 300.0),
            finding("fentry", 200.0),
            Finding {
                subject: "kprobe".to_owned(),
                result: Err("no PMU".to_owned()),
            },
        ];
        let shown = Table::of(&subjects, &findings).to_string();
        let expected = "\
| what | fentry | bpftrace script | kprobe |
|---|---|---|---|
| BPF run time, ns a connection, connect to close | 100 | 1000 | - |
| the same, to the end of TIME_WAIT | 200 | 2000 | - |
| the first, as a multiple of the script's | 0.10 | 1.00 | - |
| connect/close loop, us a connection | 100 | 100 | - |
| its rate, traced / untraced | 0.900 | 0.900 | - |
";
        assert_eq!(shown, expected);
    }
}
