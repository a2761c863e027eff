use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{AlertKind, Event, EventKind, NetnsId, Process, Started, Tuple};

/// Which events and tuples the reader asked for. Within one list any match will do; every list
/// that is not empty has to match.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Network namespaces.
    pub netns: Vec<NetnsFilter>,
    /// Peer addresses.
    pub peers: Vec<IpNet>,
    /// Peer ports.
    pub ports: Vec<u16>,
    /// Process ids.
    pub pids: Vec<u32>,
    /// Command names, as the kernel has them: at most 15 bytes.
    pub comms: Vec<String>,
}

/// A network namespace that the reader asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetnsFilter {
    /// By inode number.
    Inum(u32),
    /// By name: one that does not exist yet.
    Name(String),
}

impl NetnsFilter {
    /// Whether it is this one.
    #[must_use]
    pub fn matches(&self, netns: &NetnsId) -> bool {
        match self {
            Self::Inum(inum) => *inum == netns.inum,
            Self::Name(name) => netns.name.as_deref() == Some(name),
        }
    }
}

impl Filter {
    /// Whether the reader wants to see this event.
    ///
    /// `started`, `lost` and `degraded` are about portwatch itself and always pass. A filter on
    /// processes asks "who did it"; two kinds of lines have no such answer and pass it, because
    /// they complete lines that did: a recovery ends an alert, and a line that only accounts for
    /// suppressed failures may well stand for failures of that process; [`Screen`](super::Screen)
    /// decides on them. A warning whose process is unknown does not pass.
    #[must_use]
    pub fn event(&self, event: &Event) -> bool {
        match &event.kind {
            EventKind::Started(_) | EventKind::Lost { .. } | EventKind::Degraded { .. } => true,
            EventKind::Alert(alert) => {
                let whoever = alert.kind == AlertKind::Recovered;
                self.tuple(&alert.tuple) && self.process(alert.process.as_ref(), whoever)
            }
            EventKind::Failure(failure) => {
                self.tuple(&failure.tuple) && self.process(failure.process.as_ref(), true)
            }
            EventKind::BindFailure(failure) => {
                self.namespace(&failure.netns) && self.process(failure.process.as_ref(), true)
            }
        }
    }

    /// Leaves in the opening event only what the reader wants to see.
    pub fn narrow(&self, started: &mut Started) {
        started.tuples.retain(|sample| self.tuple(&sample.tuple));
        let used = started.tuples.iter().map(|s| u64::from(s.usage.used));
        started.sockets = used.sum();
        let wanted = |id: &NetnsId| any_of(&self.netns, |netns| netns.matches(id));
        started.namespaces.retain(|namespace| wanted(&namespace.id));
    }

    /// Whether the reader wants to see this tuple; processes play no part in it.
    #[must_use]
    pub fn tuple(&self, tuple: &Tuple) -> bool {
        any_of(&self.netns, |netns| netns.matches(&tuple.netns))
            && any_of(&self.peers, |net| net.contains(&tuple.peer_ip))
            && any_of(&self.ports, |&port| port == tuple.peer_port)
    }

    /// Whether the reader wants to see what concerns this namespace as a whole and no peer: not who
    /// asked for certain peers.
    #[must_use]
    pub fn namespace(&self, netns: &NetnsId) -> bool {
        any_of(&self.netns, |wanted| wanted.matches(netns))
            && self.peers.is_empty()
            && self.ports.is_empty()
    }

    /// Whether certain processes were asked for.
    #[must_use]
    pub fn asks_for_processes(&self) -> bool {
        !self.pids.is_empty() || !self.comms.is_empty()
    }

    fn process(&self, process: Option<&Process>, unknown: bool) -> bool {
        if !self.asks_for_processes() {
            return true;
        }
        match process {
            Some(process) => {
                any_of(&self.pids, |&pid| pid == process.pid)
                    && any_of(&self.comms, |comm| *comm == process.comm)
            }
            None => unknown,
        }
    }
}

fn any_of<T>(list: &[T], matches: impl Fn(&T) -> bool) -> bool {
    list.is_empty() || list.iter().any(matches)
}

/// Reads an address or a CIDR block: `10.0.0.1`, `10.0.0.0/8`, `fd00::/8`. A v4-mapped IPv6
/// address is the IPv4 address, as it is in the tuples.
///
/// # Errors
/// A sentence for the command line.
pub fn parse_peer(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    if let Ok(ip) = text.parse::<std::net::IpAddr>() {
        return Ok(IpNet::from(ip.to_canonical()));
    }
    text.parse().map_err(|_| {
        "expected an address such as 10.0.0.7 or fd00::7, or a block such as 10.0.0.0/8".to_owned()
    })
}

/// Reads a command name. The kernel keeps 15 bytes of it (`TASK_COMM_LEN`), so the rest of a
/// longer name is cut here too, lest it match nothing.
///
/// # Errors
/// A sentence for the command line.
pub fn parse_comm(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("expected a command name, as in /proc/PID/comm".to_owned());
    }
    let end = text.len().min(15);
    Ok(String::from_utf8_lossy(&text.as_bytes()[..end]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{Filter, NetnsFilter, parse_comm, parse_peer};
    use crate::model::{
        AlertKind, Event, EventKind, Started,
        testing::{alert, bind_failure, event, failure, namespace, process, sample, tuple},
    };

    fn warning(comm: Option<&str>) -> Event {
        let mut alert = alert(AlertKind::Warning);
        alert.process = comm.map(|comm| process(812, comm));
        event(EventKind::Alert(alert))
    }

    #[test]
    fn an_empty_filter_passes_everything() {
        let filter = Filter::default();
        assert!(filter.event(&warning(None)));
        assert!(filter.tuple(&tuple("10.0.0.1", "10.0.0.2", 443)));
    }

    #[test]
    fn lists_are_alternatives_and_all_lists_must_match() {
        let filter = Filter {
            peers: vec![
                parse_peer("10.0.0.0/24").unwrap(),
                parse_peer("::1").unwrap(),
            ],
            ports: vec![443, 8080],
            ..Filter::default()
        };
        assert!(filter.tuple(&tuple("10.0.0.1", "10.0.0.2", 443)));
        assert!(filter.tuple(&tuple("::1", "::1", 8080)));
        assert!(!filter.tuple(&tuple("10.0.0.1", "10.0.0.2", 80)));
        assert!(!filter.tuple(&tuple("10.0.0.1", "10.0.1.2", 443)));
    }

    #[test]
    fn namespaces_match_by_inode_number_or_name() {
        let passes = |netns: NetnsFilter| {
            let filter = Filter {
                netns: vec![netns],
                ..Filter::default()
            };
            filter.event(&warning(None))
        };
        assert!(passes(NetnsFilter::Inum(4_026_532_000)));
        assert!(passes(NetnsFilter::Name("web1".to_owned())));
        assert!(!passes(NetnsFilter::Inum(1)));
        assert!(!passes(NetnsFilter::Name("web".to_owned())));
    }

    #[test]
    fn a_process_filter_wants_a_known_process() {
        let filter = Filter {
            comms: vec!["haproxy".to_owned()],
            pids: vec![812, 813],
            ..Filter::default()
        };
        assert!(filter.event(&warning(Some("haproxy"))));
        assert!(!filter.event(&warning(Some("nginx"))));
        assert!(!filter.event(&warning(None)));
    }

    #[test]
    fn lines_that_complete_others_pass_a_process_filter() {
        let filter = Filter {
            pids: vec![1],
            ..Filter::default()
        };
        let mut recovered = alert(AlertKind::Recovered);
        recovered.process = None;
        assert!(filter.event(&event(EventKind::Alert(recovered))));
        let mut rest = failure();
        assert!(!filter.event(&event(EventKind::Failure(rest.clone()))));
        rest.process = None;
        assert!(filter.event(&event(EventKind::Failure(rest))));
        assert!(filter.event(&event(EventKind::Lost { events: 1 })));
    }

    #[test]
    fn a_bind_has_a_namespace_and_no_peer() {
        let passes = |filter: Filter| filter.event(&event(EventKind::BindFailure(bind_failure())));
        assert!(passes(Filter::default()));
        assert!(!passes(Filter {
            ports: vec![443],
            ..Filter::default()
        }));
        assert!(!passes(Filter {
            netns: vec![NetnsFilter::Inum(1)],
            ..Filter::default()
        }));
        assert!(!passes(Filter {
            pids: vec![1],
            ..Filter::default()
        }));
    }

    #[test]
    fn the_opening_event_is_narrowed_down() {
        let mut started = Started {
            hooks: "tracepoint".to_owned(),
            kernel: String::new(),
            blind_spots: Vec::new(),
            namespaces: vec![namespace()],
            sockets: 12,
            tuples: vec![sample(80, 5, 500), sample(443, 7, 500)],
        };
        let mut filter = Filter {
            ports: vec![443],
            ..Filter::default()
        };
        filter.narrow(&mut started);
        assert_eq!((started.tuples.len(), started.sockets), (1, 7));
        assert_eq!(started.namespaces.len(), 1);
        filter.netns = vec![NetnsFilter::Inum(1)];
        filter.narrow(&mut started);
        assert!(started.tuples.is_empty() && started.namespaces.is_empty());
    }

    #[test]
    fn peers_are_addresses_or_blocks() {
        assert_eq!(
            parse_peer("::ffff:10.0.0.1").unwrap().to_string(),
            "10.0.0.1/32"
        );
        assert_eq!(parse_peer("fd00::/8").unwrap().to_string(), "fd00::/8");
        for text in ["", "10.0.0", "10.0.0.1/33", "localhost", "10.0.0.1:80"] {
            assert!(parse_peer(text).is_err(), "{text}");
        }
    }

    #[test]
    fn long_command_names_are_cut_as_the_kernel_cuts_them() {
        assert_eq!(parse_comm("systemd-timesyncd").unwrap(), "systemd-timesyn");
        assert!(parse_comm("").is_err());
    }
}
