/// Reads a size in bytes with an optional suffix `K` or `M` (1024, 1024 × 1024).
///
/// # Errors
/// A sentence for the command line: no number, or not what a BPF ring buffer can have. The kernel
/// takes a power of two that is a multiple of the page size (`ringbuf_map_alloc`, 5.8 and later).
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
    // 64 KiB is the greatest page size of the supported architectures.
    if !bytes.is_power_of_two() || !(64 * 1024..=256 * 1024 * 1024).contains(&bytes) {
        return Err("a ring buffer is a power of two from 64K to 256M".to_owned());
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
    fn refuses_what_the_kernel_would_refuse() {
        for text in [
            "", "K", "0", "3K", "100K", "4K", "-1", "1G", "4096M", "512M",
        ] {
            assert!(parse_ring_size(text).is_err(), "{text}");
        }
    }
}
