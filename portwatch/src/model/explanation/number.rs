//! Numbers and lists of ports in words.

use crate::model::PortRange;

/// `28,232`.
pub(super) fn grouped(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate or a number of seconds, rounded, with one decimal below ten.
pub(super) fn rounded(number: f64) -> String {
    if number < 9.95 {
        let text = format!("{number:.1}");
        text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
    } else {
        // Saturates.
        grouped(number.round() as u64)
    }
}

/// A time, in the greatest unit of which there are two.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{} s", rounded(s)),
        s if s < 7_200.0 => format!("{} min", rounded(s / 60.0)),
        s if s < 172_800.0 => format!("{} h", rounded(s / 3_600.0)),
        s => format!("{} days", rounded(s / 86_400.0)),
    }
}

/// Sorted ranges that neither overlap nor touch.
pub(super) fn merged(mut ranges: Vec<PortRange>) -> Vec<PortRange> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| range.low);
    let mut merged: Vec<PortRange> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if u32::from(range.low) <= u32::from(last.high) + 1 => {
                last.high = last.high.max(range.high);
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// `8080,9090-9092`, as `ip_local_reserved_ports` takes it.
pub(super) fn list(ranges: &[PortRange]) -> String {
    let words = ranges.iter().map(|range| {
        if range.low == range.high {
            range.low.to_string()
        } else {
            format!("{}-{}", range.low, range.high)
        }
    });
    words.collect::<Vec<_>>().join(",")
}

/// `:8080, :9090-9092 and 3 more`.
pub(super) fn some(ranges: &[PortRange]) -> String {
    const SHOWN: usize = 5;
    let words = ranges.iter().take(SHOWN);
    let words: Vec<_> = words.map(|r| format!(":{}", list(&[*r]))).collect();
    let rest = ranges.iter().skip(SHOWN).map(|range| range.len());
    match rest.sum::<u32>() {
        0 => words.join(", "),
        more => format!("{} and {} more", words.join(", "), grouped(more)),
    }
}

#[cfg(test)]
mod tests {
    use super::{PortRange, grouped, list, merged, rounded, some, time};

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number as u32), text);
        }
        assert_eq!(rounded(0.44), "0.4");
        assert_eq!(rounded(8.0), "8");
        assert_eq!(rounded(331.2), "331");
        assert_eq!(time(1_764.0), "29 min");
    }

    #[test]
    fn ranges_that_touch_become_one() {
        let range = |low, high| PortRange { low, high };
        let one = |port| range(port, port);
        let ranges = merged(vec![
            one(9091),
            range(65_530, 65_535),
            one(9090),
            range(65_535, 65_535),
            one(80),
            range(9, 8),
        ]);
        assert_eq!(list(&ranges), "80,9090-9091,65530-65535");
        assert_eq!(some(&ranges), ":80, :9090-9091, :65530-65535");
        let many: Vec<_> = (0..8).map(|n| one(n * 2)).collect();
        assert_eq!(some(&many), ":0, :2, :4, :6, :8 and 3 more");
    }
}
