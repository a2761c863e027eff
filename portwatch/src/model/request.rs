use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Ask, NetnsFilter, Openers, PortRange, Report, Snapshot, Tuple, Watched};

/// What somebody who reads along with a daemon may ask of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Every tuple in use in these namespaces, of all where none is named: [`Reply::Survey`].
    Survey {
        /// Which namespaces.
        netns: Vec<NetnsFilter>,
    },
    /// The tuple that somebody means: [`Reply::Found`].
    Find(Wanted),
    /// A close look at a tuple: [`Reply::Report`].
    Report(Box<Inquiry>),
    /// Who opened the connections of every tuple: [`Reply::Openers`].
    Openers,
}

/// A tuple in somebody's words, and where it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    /// Peer, and local address where that was told.
    pub ask: Ask,
    /// Its namespace.
    pub netns: NetnsFilter,
    /// Local address, where that was told apart.
    pub local: Option<IpAddr>,
    /// Device that its sockets are bound to, by name or index.
    pub device: Option<String>,
}

/// What a close look is to be about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inquiry {
    /// Which tuple.
    pub tuple: Tuple,
    /// The range that its sockets have of their own.
    pub range: Option<PortRange>,
    /// What was seen of it so far.
    pub watched: Watched,
    /// Whether somebody named this very tuple, or its peer.
    pub asked: bool,
}

/// The answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// To [`Request::Survey`].
    Survey(Snapshot),
    /// To [`Request::Find`].
    Found(Tuple),
    /// To [`Request::Report`].
    Report(Box<Report>),
    /// To [`Request::Openers`].
    Openers(Openers),
    /// There is none.
    Refused {
        /// Whether what was asked for makes no sense.
        usage: bool,
        /// Why, a sentence.
        reason: String,
    },
}
