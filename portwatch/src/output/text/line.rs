use std::io;

use super::{LABEL, label, phrase};
use crate::{
    model::{Alert, AlertKind, BindFailure, Cause, Failure, Started, Tuple},
    output::{
        escape,
        style::{ALARM, CAUTION, GOOD, NOTE, paint},
    },
};

/// Columns never get wider than this for the sake of one long cell.
const WIDEST: usize = 60;

/// Widths of the columns behind the label. They only grow, so that lines stay aligned with those
/// before them as far as a stream allows.
#[derive(Debug)]
pub(super) struct Columns {
    netns: usize,
    tuple: usize,
    usage: usize,
    detail: usize,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            netns: 4,
            tuple: 31,
            usage: 21,
            detail: 26,
        }
    }
}

impl Columns {
    /// Makes room for the names that are known from the start.
    pub fn make_room(&mut self, started: &Started) {
        for namespace in &started.namespaces {
            cell(&mut self.netns, &escape(&namespace.id));
        }
        for sample in &started.tuples {
            cell(&mut self.tuple, &escape(&sample.tuple));
        }
    }

    pub fn alert(&mut self, out: &mut dyn io::Write, alert: &Alert, color: bool) -> io::Result<()> {
        let style = match alert.kind {
            AlertKind::Warning | AlertKind::Predicted | AlertKind::SlowSearch(_) => CAUTION,
            AlertKind::Critical => ALARM,
            AlertKind::Recovered => GOOD,
        };
        let detail = match alert.kind {
            AlertKind::SlowSearch(took) => phrase::search(took),
            _ => phrase::trend(&alert.forecast, &alert.usage),
        };
        let line = [
            paint(label::alert(alert.kind), LABEL, style, color),
            self.place(&alert.tuple),
            cell(&mut self.usage, &phrase::usage(&alert.usage)),
            cell(&mut self.detail, &detail),
            alert
                .process
                .as_ref()
                .map(phrase::process)
                .unwrap_or_default(),
        ];
        writeln!(out, "{}", line.join("  ").trim_end())
    }

    pub fn failure(
        &mut self,
        out: &mut dyn io::Write,
        failure: &Failure,
        color: bool,
    ) -> io::Result<()> {
        let (style, detail) = match failure.cause {
            Cause::Exhausted => (ALARM, "EADDRNOTAVAIL"),
            Cause::Conflict => (
                NOTE,
                "EADDRNOTAVAIL, this port already has a connection to this peer",
            ),
            Cause::NoSourceAddress => (
                NOTE,
                "EADDRNOTAVAIL, no usable source address towards this peer",
            ),
        };
        let usage = match (failure.local_port, &failure.usage) {
            (Some(port), _) => format!("bound port {port}"),
            (None, Some(usage)) => phrase::usage(usage),
            (None, None) => "-".to_owned(),
        };
        // The long sentences of the rarer causes don't set the width of the column.
        let detail = match failure.cause {
            Cause::Exhausted => cell(&mut self.detail, detail),
            _ => detail.to_owned(),
        };
        let mut line = vec![
            paint(label::cause(failure.cause), LABEL, style, color),
            self.place(&failure.tuple),
            cell(&mut self.usage, &usage),
            detail,
        ];
        line.extend(failure.process.as_ref().map(phrase::process));
        line.extend(stands_for(failure.process.is_some(), failure.suppressed));
        writeln!(out, "{}", line.join("  ").trim_end())
    }

    /// A bind that found no free port.
    pub fn bind(
        &mut self,
        out: &mut dyn io::Write,
        failure: &BindFailure,
        color: bool,
    ) -> io::Result<()> {
        let range = match failure.range {
            Some(range) => format!("range {}-{}", range.low, range.high),
            None => "-".to_owned(),
        };
        let mut line = vec![
            paint("NO-PORT", LABEL, ALARM, color),
            cell(&mut self.netns, &escape(&failure.netns)),
            cell(&mut self.tuple, &phrase::bind(failure)),
            cell(&mut self.usage, &range),
            format!("{}, no free port to bind", failure.cause.errno()),
        ];
        line.extend(failure.process.as_ref().map(phrase::process));
        line.extend(stands_for(failure.process.is_some(), failure.suppressed));
        writeln!(out, "{}", line.join("  ").trim_end())
    }

    fn place(&mut self, tuple: &Tuple) -> String {
        let netns = cell(&mut self.netns, &escape(&tuple.netns));
        let tuple = cell(&mut self.tuple, &escape(tuple));
        format!("{netns}  {tuple}")
    }
}

/// How many failures the line stands for, where that is not just its own. `own`: whether it has
/// one, which is that of a process.
pub(in crate::output) fn stands_for(own: bool, suppressed: u64) -> Option<String> {
    match (own, suppressed) {
        (true, 0) => None,
        (true, more) => Some(format!("({more} more not shown)")),
        (false, 0) => Some("(1 failure not shown)".to_owned()),
        (false, more) => Some(format!(
            "({} failures not shown one by one)",
            more.saturating_add(1)
        )),
    }
}

/// The text, padded to the column, which grows to fit it.
fn cell(width: &mut usize, text: &str) -> String {
    *width = (*width).max(text.chars().count().min(WIDEST));
    format!("{text:<width$}", width = *width)
}
