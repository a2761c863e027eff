use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use clap::Args;

use super::{LogArgs, ServedArgs, TracerArgs};
use crate::{
    kernel::netns::Selector,
    model::{Ask, PortRange, parse_duration, parse_ip, parse_port_range},
};

const EXAMPLES: &str = "\
Examples:
  portwatch explain                                  what runs out of ports first on this machine
  portwatch explain 10.0.0.2:443                     why connects to that peer fail, or soon will
  portwatch explain -N web1 127.0.0.1                in another network namespace, whatever port
  portwatch explain --for 60s 10.0.0.2:443           look longer, which tells a slow leak
  portwatch explain --markdown                       to paste where the incident is talked about

The verdicts: leak (connections are opened and not closed), churn (short connections, whose ports
wait in TIME_WAIT), thief (others hold the ports through bind), narrow range, too few peers, and not
here (connects fail, but not for want of a port on this host).

Exit codes: 0 answered, 1 unexpected failure, 2 bad usage, 3 missing privileges, 4 this kernel
can't run it.";

/// `portwatch explain`
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    /// The tuple: PEER:PORT, or as portwatch prints it, LOCAL -> PEER:PORT; or a PEER alone, whose
    /// fullest tuple is meant [default: the fullest of all, those that fail first]
    #[arg(value_name = "TUPLE")]
    pub whom: Option<Whom>,
    /// In this network namespace: name, container id, inode number or path [default: this one for a
    /// tuple, else all]
    #[arg(short = 'N', long, value_name = "NETNS")]
    pub netns: Option<Selector>,
    /// Local address [default: the one that the route to the peer takes]
    #[arg(long, value_name = "IP", value_parser = parse_ip, requires = "whom")]
    pub local: Option<IpAddr>,
    /// For sockets bound to this device (SO_BINDTODEVICE): name or index
    #[arg(long, value_name = "DEVICE", requires = "whom")]
    pub device: Option<String>,
    /// For sockets with a port range of their own (IP_LOCAL_PORT_RANGE)
    #[arg(long, value_name = "LOW-HIGH", value_parser = parse_port_range, requires = "whom")]
    pub range: Option<PortRange>,
    /// Look for this long, to see what fails, and whether connections are closed as they are opened
    #[arg(long = "for", value_name = "DURATION", default_value = "1s")]
    #[arg(value_parser = parse_duration)]
    pub look: Duration,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// Print Markdown instead of text
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's help"
    )]
    pub log: LogArgs,
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's help"
    )]
    pub served: ServedArgs,
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's help"
    )]
    pub tracer: TracerArgs,
}

/// Which tuple somebody asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// This one.
    Tuple(Ask),
    /// One of those with this peer.
    Peer(IpAddr),
}

impl FromStr for Whom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.trim().trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(peer) => Ok(Self::Peer(peer.to_canonical())),
            Err(_) => text.parse().map(Self::Tuple),
        }
    }
}

impl Whom {
    /// The peer, and its port where that was told.
    #[must_use]
    pub fn peer(&self) -> (IpAddr, Option<u16>) {
        match self {
            Self::Tuple(Ask { peer, .. }) => (SocketAddr::ip(peer), Some(peer.port())),
            Self::Peer(peer) => (*peer, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Whom;

    #[test]
    fn a_peer_with_and_without_a_port() {
        let peer = |text: &str| text.parse::<Whom>().ok().map(|whom| whom.peer());
        let v4 = "10.0.0.2".parse().unwrap();
        let v6 = "fd00::2".parse().unwrap();
        assert_eq!(peer("10.0.0.2"), Some((v4, None)));
        assert_eq!(peer("10.0.0.2:443"), Some((v4, Some(443))));
        assert_eq!(peer("::ffff:10.0.0.2"), Some((v4, None)));
        assert_eq!(peer("[fd00::2]"), Some((v6, None)));
        assert_eq!(peer("fd00::2"), Some((v6, None)));
        assert_eq!(peer("[fd00::2]:443"), Some((v6, Some(443))));
        assert_eq!(peer("fd00::1 -> [fd00::2]:443"), Some((v6, Some(443))));
        assert_eq!(peer("web"), None);
    }
}
