/// Least size: a page, on machines with the smallest ones.
const MIN: u32 = 4096;
/// Greatest size. More events than this are never on their way.
const MAX: u32 = 256 * 1024 * 1024;

/// Reads the size of a ring buffer, in bytes with an optional suffix `K` or `M` (1024,
/// 1024 × 1024).
///
/// # Errors
/// A sentence for the command line: no number, or out of bounds.
pub fn parse_ring_size(text: &str) -> Result<u32, String> {
    let text = text.trim();
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1024),
        None => match text.strip_suffix(['M', 'm']) {
            Some(digits) => (digits, 1024 * 1024),
            None => (text, 1),
        },
    };
    let bytes = digits
        .parse::<u32>()
        .ok()
        .and_then(|count| count.checked_mul(unit))
        .ok_or_else(|| "expected bytes, such as 262144, 256K or 1M".to_owned())?;
    if !(MIN..=MAX).contains(&bytes) {
        return Err("a ring buffer has from 4K to 256M".to_owned());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::parse_ring_size;

    #[test]
    fn reads_suffixes() {
        assert_eq!(parse_ring_size("256K"), Ok(262_144));
        assert_eq!(parse_ring_size("262144"), Ok(262_144));
        assert_eq!(parse_ring_size("1m"), Ok(1_048_576));
    }

    #[test]
    fn refuses_the_rest() {
        for text in ["", "K", "0", "3K", "-1", "1G", "4096M", "512M", "1.5M"] {
            assert!(parse_ring_size(text).is_err(), "{text}");
        }
    }
}
