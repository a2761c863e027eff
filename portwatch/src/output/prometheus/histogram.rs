use super::format::{Kind, Page};

const NAME: &str = "portwatch_port_search_seconds";
/// The least bound, as a power of two of a nanosecond: 1.024 µs.
const LEAST: usize = 10;
/// The greatest one: 1.07 s.
const GREATEST: usize = 30;

/// Writes how long port searches took. Their sum is not measured: each counts as the middle of its
/// element, which is right to a third at worst.
pub(super) fn write(page: &mut Page, searches: &[u64; 32]) {
    page.family(
        NAME,
        Kind::Histogram,
        "How long port searches took; the sum is estimated from the buckets.",
    );
    let mut so_far = 0_u64;
    let mut sum = 0.0;
    let bucket = format!("{NAME}_bucket");
    for (power, count) in searches.iter().enumerate() {
        if (LEAST..=GREATEST).contains(&power) {
            page.sample(&bucket, &[("le", &bound(power))], so_far);
        }
        so_far = so_far.saturating_add(*count);
        sum += *count as f64 * seconds(power) * 1.5;
    }
    page.sample(&bucket, &[("le", "+Inf")], so_far);
    page.sample(&format!("{NAME}_sum"), &[], sum);
    page.sample(&format!("{NAME}_count"), &[], so_far);
}

/// 2^`power` nanoseconds.
fn seconds(power: usize) -> f64 {
    (1_u64 << power.min(63)) as f64 / 1e9
}

/// As Go's `%g` has it, which is what queries name a bound by.
fn bound(power: usize) -> String {
    let seconds = seconds(power);
    if seconds >= 1e-4 {
        return seconds.to_string();
    }
    let text = format!("{seconds:e}");
    match text.split_once("e-") {
        Some((digits, exponent)) => format!("{digits}e-{exponent:0>2}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::bound;

    #[test]
    fn bounds_are_as_prometheus_writes_them() {
        let bounds = [10, 14, 17, 18, 22, 30].map(bound);
        let expected = [
            "1.024e-06",
            "1.6384e-05",
            "0.000131072",
            "0.000262144",
            "0.004194304",
            "1.073741824",
        ];
        assert_eq!(bounds, expected);
    }
}
