use std::io;

use jiff::tz::TimeZone;

use super::rows::rows;
use crate::{
    model::Report,
    output::{escape, text::write_explanation},
};

/// Writes a report as text: what is, then what it amounts to.
///
/// # Errors
/// What `out` returns.
pub fn write_text(
    out: &mut dyn io::Write,
    report: &Report,
    zone: &TimeZone,
    color: bool,
) -> io::Result<()> {
    let netns = escape(&report.tuple.netns);
    writeln!(out, "{netns}  {}", escape(&report.tuple))?;
    for (name, value) in rows(report, zone) {
        writeln!(out, "  {name:<12}{value}")?;
    }
    write_explanation(out, &report.explanation, color)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::write_text;
    use crate::model::testing::report;

    #[test]
    fn the_verdict_comes_last() {
        let mut out = Vec::new();
        write_text(&mut out, &report(), &TimeZone::UTC, false).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("web1  127.0.0.1 -> 127.0.0.1:8080\n  state       failing"));
        let verdict = text.find("narrow range: of 500 ports").unwrap();
        assert!(verdict > text.find("  opened by   haproxy[812]").unwrap());
    }
}
