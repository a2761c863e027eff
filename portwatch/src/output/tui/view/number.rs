//! Numbers in as few characters as a column has.

use jiff::{Timestamp, tz::TimeZone};

/// Time of day.
pub fn clock(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string()
}

/// `28,232`
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `+31`, `-0.4`, `0`: in at most six characters.
pub fn rate(rate: Option<f64>) -> String {
    match rate {
        None => "-".to_owned(),
        Some(rate) if rate.abs() < 0.05 => "0".to_owned(),
        Some(rate) if rate.abs() < 9.95 => format!("{rate:+.1}"),
        Some(rate) if rate.abs() < 99_999.5 => format!("{rate:+.0}"),
        Some(rate) => format!("{:+.0}k", rate / 1000.0),
    }
}

/// `208`, `3.5`, `0`; `-` for what never happened.
pub fn failing(failing: f64, ever: u64) -> String {
    match failing {
        _ if ever == 0 => "-".to_owned(),
        rate if rate < 0.05 => "0".to_owned(),
        rate if rate < 9.95 => format!("{rate:.1}"),
        rate => format!("{rate:.0}"),
    }
}

/// `3s`, `2m`, `5h`, `6d`, rounded down; `-` for no time that means anything.
pub fn left(seconds: Option<f64>) -> String {
    const MINUTE: f64 = 60.0;
    const HOUR: f64 = 60.0 * MINUTE;
    const DAY: f64 = 24.0 * HOUR;
    match seconds {
        Some(s) if s < 1.0 => "<1s".to_owned(),
        Some(s) if s < 2.0 * MINUTE => format!("{}s", s.floor()),
        Some(s) if s < 2.0 * HOUR => format!("{}m", (s / MINUTE).floor()),
        Some(s) if s < 2.0 * DAY => format!("{}h", (s / HOUR).floor()),
        Some(s) if s < 7.0 * DAY => format!("{}d", (s / DAY).floor()),
        _ => "-".to_owned(),
    }
}

/// `82%`, rounded down: 100% is full.
pub fn percent(share: f64) -> String {
    format!("{}%", (share * 100.0).floor())
}

/// `1 port`, `2 ports`.
pub fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", thousands(number))
}

#[cfg(test)]
mod tests {
    use super::{failing, left, percent, rate, thousands};

    #[test]
    fn numbers_stay_short() {
        let rates = [31.4, -0.44, 0.01, 123_456.0].map(|number| rate(Some(number)));
        assert_eq!(rates, ["+31", "-0.4", "0", "+123k"]);
        assert_eq!(rate(None), "-");
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(thousands),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            (
                failing(0.0, 0),
                failing(0.0, 1),
                failing(3.46, 9),
                failing(208.3, 9)
            ),
            (
                "-".to_owned(),
                "0".to_owned(),
                "3.5".to_owned(),
                "208".to_owned()
            )
        );
        let times = [0.2, 3.9, 120.0, 7200.0, 172_800.0, 604_800.0, f64::INFINITY];
        let times = times.map(|seconds| left(Some(seconds)));
        assert_eq!(times, ["<1s", "3s", "2m", "2h", "2d", "-", "-"]);
        assert_eq!(percent(0.999), "99%");
    }
}
