//! The network settings of the calling thread's namespace, from `/proc/sys/net`.

use std::{fs::File, io::Read, path::Path};

use anyhow::{Context, Result, bail, ensure};
use portwatch_common::RESERVED_BYTES;

use crate::model::PortRange;

const PORT_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
const RESERVED: &str = "/proc/sys/net/ipv4/ip_local_reserved_ports";
const TW_REUSE: &str = "/proc/sys/net/ipv4/tcp_tw_reuse";

/// More than the longest list of reserved ports: every second port, five digits and a comma each.
const LONGEST: usize = 6 * 65536 / 2 + 1;

/// One bit a port, as the kernel keeps them.
pub type PortSet = [u8; RESERVED_BYTES];

/// What bounds a namespace's tuples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `ip_local_port_range`.
    pub range: PortRange,
    /// Ports of the range in `ip_local_reserved_ports`.
    pub reserved: u32,
    /// `tcp_tw_reuse`; none where the namespace doesn't show it.
    pub tw_reuse: Option<u8>,
}

/// Reads the settings of the calling thread's network namespace.
///
/// # Errors
/// When the range or the reserved ports can't be read or understood.
pub fn read() -> Result<Settings> {
    let range = port_range()?;
    let reserved = reserved_ports()?;
    Ok(Settings {
        range,
        reserved: reserved_in_range(reserved.as_slice(), range),
        tw_reuse: tw_reuse(),
    })
}

/// `tcp_tw_reuse` of the calling thread's namespace; none where it doesn't show it.
#[must_use]
pub fn tw_reuse() -> Option<u8> {
    read_file(TW_REUSE).ok()?.trim().parse().ok()
}

/// `ip_local_port_range` of the calling thread's namespace.
///
/// # Errors
/// When it can't be read or understood.
pub fn port_range() -> Result<PortRange> {
    parse_range(&read_file(PORT_RANGE)?).with_context(|| format!("cannot understand {PORT_RANGE}"))
}

/// `ip_local_reserved_ports` of the calling thread's namespace.
///
/// # Errors
/// When it can't be read or understood.
pub fn reserved_ports() -> Result<Box<PortSet>> {
    parse_ports(&read_file(RESERVED)?).with_context(|| format!("cannot understand {RESERVED}"))
}

/// Number of ports of the range in a bitmap, one bit a port from the lowest bit of the first byte
/// on. What lies behind the bitmap's end is not in it.
#[must_use]
pub fn reserved_in_range(bitmap: &[u8], range: PortRange) -> u32 {
    let (first, last) = (usize::from(range.low / 8), usize::from(range.high / 8));
    let bytes = bitmap
        .iter()
        .enumerate()
        .skip(first)
        .take((last + 1).saturating_sub(first));
    bytes
        .map(|(index, byte)| {
            let from = if index == first { range.low % 8 } else { 0 };
            let to = if index == last { range.high % 8 } else { 7 };
            // An empty range ends before it begins, if only inside one byte.
            let mask = (0xff_u8 << from) & (0xff_u8 >> (7 - to));
            (byte & mask).count_ones()
        })
        .sum()
}

/// Parses a port list, `8080,9148-9200`.
///
/// # Errors
/// When it is anything else.
pub fn parse_ports(text: &str) -> Result<Box<PortSet>> {
    let mut ports = Box::new([0; RESERVED_BYTES]);
    let text = text.trim();
    if text.is_empty() {
        return Ok(ports);
    }
    for part in text.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let (low, high) = (parse_port(low)?, parse_port(high)?);
        ensure!(low <= high, "{part:?} is a range from high to low");
        for port in low..=high {
            if let Some(byte) = ports.get_mut(usize::from(port / 8)) {
                *byte |= 1 << (port % 8);
            }
        }
    }
    Ok(ports)
}

/// Parses two ports, separated by blanks.
fn parse_range(text: &str) -> Result<PortRange> {
    let mut words = text.split_ascii_whitespace();
    let (Some(low), Some(high), None) = (words.next(), words.next(), words.next()) else {
        bail!("{text:?} is not two ports");
    };
    let range = PortRange {
        low: parse_port(low)?,
        high: parse_port(high)?,
    };
    ensure!(range.low <= range.high, "{text:?} goes from high to low");
    Ok(range)
}

fn parse_port(text: &str) -> Result<u16> {
    text.parse()
        .with_context(|| format!("{text:?} is not a port"))
}

/// Reads a setting by one call: the kernel (`proc_do_large_bitmap`, 6.18) answers only the read at
/// offset 0, and cuts the list to that read's buffer.
fn read_file(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let context = || format!("cannot read {}", path.display());
    let mut bytes = vec![0; LONGEST];
    let len = File::open(path)
        .and_then(|mut file| file.read(&mut bytes))
        .with_context(context)?;
    bytes.truncate(len);
    String::from_utf8(bytes).with_context(context)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{parse_ports, parse_range, read, reserved_in_range, reserved_ports};
    use crate::{kernel::netns::fixture::in_new_netns, model::PortRange};

    const ALL: PortRange = PortRange {
        low: 0,
        high: 65535,
    };

    fn count(list: &str, low: u16, high: u16) -> u32 {
        let ports = parse_ports(list).unwrap();
        reserved_in_range(ports.as_slice(), PortRange { low, high })
    }

    #[test]
    fn counts_reserved_ports_inside_the_range() {
        assert_eq!(count("\n", 0, 65535), 0);
        assert_eq!(count("8080,9148-9200\n", 0, 65535), 54);
        assert_eq!(count("8080,9148-9200", 9000, 9150), 3);
        assert_eq!(count("8080,8070-8090,8080", 0, 65535), 21);
        assert_eq!(count("0-65535", 32768, 60999), 28232);
        assert_eq!(count("65535", 65535, 65535), 1);
        assert_eq!(reserved_in_range(&[0xff], ALL), 8);
    }

    #[test]
    fn refuses_what_is_no_port_list() {
        for text in ["a", "1,", ",1", "5-3", "65536", "1-2-3", "-1", "1 2"] {
            assert!(parse_ports(text).is_err(), "{text}");
        }
        for text in ["", "1", "1 2 3", "2 1", "1 65536", "1-2"] {
            assert!(parse_range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_a_namespaces_own_settings_and_the_longest_list() {
        let list: Vec<_> = (10001..=65535)
            .step_by(2)
            .map(|p: u32| p.to_string())
            .collect();
        let (settings, ports) = in_new_netns(|| {
            let set = |name: &str, value: &str| {
                std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value).unwrap();
            };
            set("ip_local_port_range", "20000 20999");
            set("ip_local_reserved_ports", &list.join(","));
            set("tcp_tw_reuse", "1");
            (read().unwrap(), reserved_ports().unwrap())
        });
        assert_eq!((settings.range.low, settings.range.high), (20000, 20999));
        assert_eq!(settings.tw_reuse, Some(1));
        assert_eq!(settings.reserved, 500);
        let ports = reserved_in_range(ports.as_slice(), ALL);
        assert_eq!(ports as usize, list.len());
    }

    proptest! {
        #[test]
        fn counting_agrees_with_a_set(
            ranges in prop::collection::vec((any::<u16>(), 0_u16..300), 0..20),
            low: u16, len: u16,
        ) {
            let ranges: Vec<_> = ranges.iter().map(|(a, n)| *a..=a.saturating_add(*n)).collect();
            let list: Vec<_> = ranges.iter().map(|r| format!("{}-{}", r.start(), r.end())).collect();
            let range = low..=low.saturating_add(len);
            let set: std::collections::HashSet<u16> = ranges.into_iter().flatten().collect();
            let expected = set.iter().filter(|port| range.contains(port)).count();
            prop_assert_eq!(count(&list.join(","), *range.start(), *range.end()), expected as u32);
        }

        #[test]
        fn any_text_is_an_answer_or_an_error(text in "[0-9,\\- \\n]{0,40}|.{0,20}") {
            let _ = parse_ports(&text);
            let _ = parse_range(&text);
        }
    }
}
