use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use super::PortRange;

/// A tuple as an operator names it: `[LOCAL ->] PEER:PORT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Local address; none where the route decides.
    pub local: Option<IpAddr>,
    /// Peer.
    pub peer: SocketAddr,
}

impl FromStr for Ask {
    type Err = String;

    /// Reads `10.0.0.2:443`, `[fd00::2]:443`, `10.0.0.1 -> 10.0.0.2:443`; blanks don't matter.
    /// A v4-mapped address is the IPv4 address that it is in the kernel.
    fn from_str(text: &str) -> Result<Self, String> {
        let (local, peer) = match text.split_once("->") {
            Some((local, peer)) => (Some(local.trim()), peer.trim()),
            None => (None, text.trim()),
        };
        let peer: SocketAddr = peer
            .parse()
            .map_err(|_| format!("{peer:?} is no peer: expected 10.0.0.2:443 or [fd00::2]:443"))?;
        let local = local.map(parse_ip).transpose()?;
        Ok(Self {
            local,
            peer: SocketAddr::new(peer.ip().to_canonical(), peer.port()),
        })
    }
}

/// Reads an address, IPv4 where it is one.
///
/// # Errors
/// When it is none.
pub fn parse_ip(text: &str) -> Result<IpAddr, String> {
    text.parse()
        .map(|ip: IpAddr| ip.to_canonical())
        .map_err(|_| format!("{text:?} is no IP address"))
}

/// Reads a range of ports, `30000-30099`.
///
/// # Errors
/// When it is none.
pub fn parse_port_range(text: &str) -> Result<PortRange, String> {
    let port = |text: &str| text.trim().parse().ok();
    let range = text.split_once('-').and_then(|(low, high)| {
        Some(PortRange {
            low: port(low)?,
            high: port(high)?,
        })
    });
    match range {
        Some(range) if range.low == 0 || range.high == 0 || !range.is_empty() => Ok(range),
        _ => Err("expected a range of ports such as 30000-30099; 0 stands for no end".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Ask, parse_port_range};

    fn read(text: &str) -> Option<String> {
        let ask: Ask = text.parse().ok()?;
        Some(match ask.local {
            Some(local) => format!("{local}>{}", ask.peer),
            None => ask.peer.to_string(),
        })
    }

    #[test]
    fn reads_tuples_as_they_are_printed() {
        for (text, expected) in [
            ("10.0.0.2:443", "10.0.0.2:443"),
            ("[fd00::2]:443", "[fd00::2]:443"),
            ("10.0.0.1 -> 10.0.0.2:443", "10.0.0.1>10.0.0.2:443"),
            ("::1->[::1]:1", "::1>[::1]:1"),
            ("[::ffff:10.0.0.2]:443", "10.0.0.2:443"),
            ("::ffff:1.2.3.4 -> 1.2.3.5:80", "1.2.3.4>1.2.3.5:80"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "10.0.0.2",
            "->",
            "x -> 10.0.0.2:443",
            "fd00::2:443",
            "1.2.3.4:70000",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn reads_ranges() {
        let read = |text| {
            parse_port_range(text)
                .ok()
                .map(|range| (range.low, range.high))
        };
        assert_eq!(read("30000-30099"), Some((30_000, 30_099)));
        assert_eq!(read("0-30099"), Some((0, 30_099)));
        assert_eq!(read("30000-0"), Some((30_000, 0)));
        for text in ["", "30000", "2-1", "a-b", "1-70000", "-1"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
