use std::time::Duration;

use jiff::{SpanRelativeTo, fmt::friendly::SpanParser};

/// Longest duration that is taken for meant: 366 days.
const MAX: Duration = Duration::from_secs(366 * 24 * 3600);
/// Shortest one.
const MIN: Duration = Duration::from_millis(1);

/// Reads a duration of 1 ms to 366 days: `1s`, `500ms`, `1m 30s`; a bare number is seconds.
///
/// # Errors
/// A sentence for the command line: no duration, zero, negative or out of bounds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = parse(text)?;
    if duration < MIN {
        return Err("too short: the least duration is 1ms".to_owned());
    }
    Ok(duration)
}

/// Reads a duration of 1 µs to 366 days: `250us`, `1ms`.
///
/// # Errors
/// As for [`parse_duration`].
pub fn parse_short_duration(text: &str) -> Result<Duration, String> {
    let duration = parse(text)?;
    if duration < Duration::from_micros(1) {
        return Err("too short: the least duration is 1us".to_owned());
    }
    Ok(duration)
}

fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let bare = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let span = if bare {
        SpanParser::new().parse_span(format!("{text}s"))
    } else {
        SpanParser::new().parse_span(text)
    };
    let signed = span
        .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
        .map_err(|_| {
            "expected a duration such as 1s, 500ms or 2m; a bare number is seconds".to_owned()
        })?;
    let duration = Duration::try_from(signed).map_err(|_| "a duration is positive".to_owned())?;
    if duration > MAX {
        return Err("too long: the greatest duration is 366d".to_owned());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::{Duration, parse_duration, parse_short_duration};

    #[test]
    fn short_ones_are_read_where_they_make_sense() {
        let micros = Duration::from_micros;
        assert_eq!(parse_short_duration("250us"), Ok(micros(250)));
        assert_eq!(parse_short_duration("1 ms"), Ok(micros(1000)));
        assert!(parse_short_duration("100ns").is_err());
        assert!(parse_duration("250us").is_err());
    }

    #[test]
    fn reads_units_and_bare_seconds() {
        for (text, millis) in [
            ("1s", 1000),
            ("500ms", 500),
            ("2", 2000),
            ("0.5", 500),
            ("0.5s", 500),
            ("1m 30s", 90_000),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("366d", 366 * 86_400_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            ".",
            "x",
            "-1s",
            "1s ago",
            "0",
            "0ms",
            "1us",
            "367d",
            "1.2.3",
            "999999999999999h",
            "99999999999999999999999999",
            "1 fortnight",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
