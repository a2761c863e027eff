use std::io::Read;

use anyhow::Result;
use jiff::tz::TimeZone;

use super::{ending, pace::Pace};
use crate::{
    cli::ReplayArgs,
    commands::printer::{Form, Printer},
    exit::Exit,
    model::{Filter, Item, Ratios},
    output::escape,
    recording::{Header, Reader, Said},
};

/// Prints the events, as `watch` did or would have.
pub(super) fn run(
    args: &ReplayArgs,
    header: &Header,
    mut reader: Reader<impl Read>,
    filter: Filter,
) -> Result<Exit> {
    let zone = TimeZone::system();
    if !args.json {
        eprintln!("portwatch: {}", origin(header, &zone));
    }
    let form = Form {
        json: args.json,
        color: args.color,
        top: args.top,
        ratios: Ratios::new(header.warning, header.critical).unwrap_or_default(),
    };
    let mut printer = Printer::new(filter, &form);
    let mut pace = Pace::new(args.speed);
    let mut last = None;
    while let Some(said) = reader.hear() {
        let item = match said {
            Said::Item(item) => item,
            Said::Note(note) => {
                eprintln!("portwatch: {}", escape(&note));
                continue;
            }
            Said::Reply(_) => continue,
        };
        let time = item.time();
        pace.wait(time);
        last = Some(time);
        if let Item::Event(event) = item {
            printer.event(event)?;
        }
    }
    Ok(ending::tell(reader.end(), last, &zone))
}

fn origin(header: &Header, zone: &TimeZone) -> String {
    let started = header.started.to_zoned(zone.clone());
    format!(
        "recorded on {} (kernel {}) by portwatch {} from {} on",
        escape(&header.host),
        escape(&header.kernel),
        escape(&header.version),
        started.strftime("%Y-%m-%d %H:%M:%S %Z"),
    )
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::{Item, Ratios, origin};
    use crate::{
        output::{
            EventWriter, explain,
            json::{self, JsonWriter},
            text::{TextOptions, TextWriter},
        },
        recording::fixture::{header, session},
    };

    #[test]
    fn tells_where_a_recording_is_from() {
        let mut header = header();
        header.host = "\u{1b}[2Jproxy".to_owned();
        assert_eq!(
            origin(&header, &TimeZone::UTC),
            "recorded on \\u{1b}[2Jproxy (kernel 6.18.44) by portwatch 0.1.0 \
             from 2026-03-01 16:40:07 UTC on"
        );
    }

    proptest! {
        /// A recording may be made up: its numbers need not fit each other, and its text is no
        /// command to a terminal.
        #[test]
        fn whatever_was_recorded_is_printed(items in session()) {
            let mut text = TextWriter::new(TextOptions {
                color: false,
                zone: TimeZone::UTC,
                ratios: Ratios::default(),
                top: 10,
            });
            let mut printed = Vec::new();
            for item in items {
                match item {
                    Item::Event(event) => {
                        text.event(&mut printed, &event).unwrap();
                        JsonWriter.event(&mut printed, &event).unwrap();
                    }
                    Item::Report(report) => {
                        explain::write_text(&mut printed, &report, &TimeZone::UTC, false).unwrap();
                        explain::write_markdown(&mut printed, &report, &TimeZone::UTC).unwrap();
                        json::write_explained(&mut printed, &report).unwrap();
                    }
                    Item::Interval(_) | Item::Openers(_) => {}
                }
            }
            let commands = printed.iter().find(|byte| byte.is_ascii_control() && **byte != b'\n');
            prop_assert_eq!(commands, None);
        }
    }
}
