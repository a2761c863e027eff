use std::collections::HashMap;

use super::{Figures, Row, Subject};
use crate::model::{Story, container::short_id};

/// What the rows of the table have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupBy {
    /// Each is one tuple.
    #[default]
    None,
    /// The peer's address and port, of all namespaces.
    Peer,
    /// The process that has most of the connections.
    Process,
    /// Its container.
    Container,
    /// The network namespace.
    Netns,
}

/// Where nobody knows.
const UNKNOWN: &str = "-";

impl GroupBy {
    /// Every one, in the order in which a key goes through them.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::Peer,
        Self::Process,
        Self::Container,
        Self::Netns,
    ];

    /// Its name, on the command line too.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Peer => "peer",
            Self::Process => "process",
            Self::Container => "container",
            Self::Netns => "netns",
        }
    }

    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name() == name)
    }

    /// The next one.
    #[must_use]
    pub fn next(self) -> Self {
        let place = Self::ALL.iter().position(|group| *group == self);
        let next = place.map_or(0, |place| (place + 1) % Self::ALL.len());
        Self::ALL[next]
    }

    /// The group that a tuple belongs to.
    #[must_use]
    pub fn of(self, story: &Story) -> String {
        let tuple = story.tuple();
        match self {
            Self::None => tuple.to_string(),
            Self::Peer => peer(story),
            Self::Process => owner(story),
            Self::Container => story.container().map_or(UNKNOWN, short_id).to_owned(),
            Self::Netns => tuple.netns.to_string(),
        }
    }
}

/// `10.0.0.2:443`
pub fn peer(story: &Story) -> String {
    let tuple = story.tuple();
    std::net::SocketAddr::new(tuple.peer_ip, tuple.peer_port).to_string()
}

/// `haproxy[812]`
pub fn owner(story: &Story) -> String {
    match story.owner() {
        Some((pid, comm)) => format!("{comm}[{pid}]"),
        None => UNKNOWN.to_owned(),
    }
}

/// One row a group.
pub fn grouped(by: GroupBy, tuples: impl Iterator<Item = (String, Figures)>) -> Vec<Row> {
    debug_assert_ne!(by, GroupBy::None, "tuples are rows of their own");
    let mut groups: HashMap<String, Figures> = HashMap::new();
    for (group, figures) in tuples {
        groups.entry(group).or_default().add(&figures);
    }
    let row = |(group, figures)| Row {
        subject: Subject::Group(group),
        figures,
    };
    groups.into_iter().map(row).collect()
}
