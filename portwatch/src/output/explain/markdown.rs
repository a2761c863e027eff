use std::io;

use jiff::tz::TimeZone;

use super::rows::rows;
use crate::{model::Report, output::escape};

/// Writes a report as Markdown.
///
/// # Errors
/// What `out` returns.
pub fn write_markdown(out: &mut dyn io::Write, report: &Report, zone: &TimeZone) -> io::Result<()> {
    let tuple = escape(&report.tuple);
    let netns = cell(&report.tuple.netns);
    writeln!(out, "### Ports of `{tuple}` in {netns}\n")?;
    let explanation = &report.explanation;
    let verdict = explanation
        .culprit
        .map_or("no culprit found".to_owned(), |it| {
            it.name().replace('-', " ")
        });
    writeln!(out, "**{verdict}**: {}\n", cell(&explanation.reason))?;
    for (number, advice) in explanation.advice.iter().enumerate() {
        let (title, effect) = (cell(&advice.title), cell(&advice.effect));
        writeln!(out, "{}. {title}: {effect}", number + 1)?;
        if let Some(command) = &advice.command {
            writeln!(out, "\n   ```sh\n   {}\n   ```", escape(command))?;
        }
    }
    writeln!(out, "\n| | |\n|---|---|")?;
    for (name, value) in rows(report, zone) {
        writeln!(out, "| {name} | {} |", cell(&value))?;
    }
    let time = report.time.to_zoned(zone.clone());
    writeln!(
        out,
        "\n{}, kernel {}, portwatch {}",
        time.strftime("%F %T %Z"),
        report.kernel,
        env!("CARGO_PKG_VERSION")
    )
}

/// Text without anything that Markdown or a table of it takes for its own.
fn cell(text: impl std::fmt::Display) -> String {
    let mut safe = String::new();
    for c in escape(text).chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '|' | '<' | '>' | '[' | ']' | '#'
        ) {
            safe.push('\\');
        }
        safe.push(c);
    }
    safe
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::write_markdown;
    use crate::model::testing::report;

    #[test]
    fn names_are_text_and_nothing_else() {
        let mut report = report();
        if let Some(process) = &mut report.openers[0].process {
            process.comm = "a|b`<x>".to_owned();
        }
        let mut out = Vec::new();
        write_markdown(&mut out, &report, &TimeZone::UTC).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains(r"| opened by | a\|b\`\<x\>\[812\] in haproxy.service"),
            "{text}"
        );
        assert!(text.starts_with("### Ports of `127.0.0.1 -> 127.0.0.1:8080` in web1\n"));
        let command = "   ```sh\n   sysctl -w net.ipv4.ip_local_port_range=";
        assert!(text.contains(command), "{text}");
    }
}
