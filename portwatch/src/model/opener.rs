use std::{collections::HashMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::Place;

/// A connection that connect(2) opened, as the tracer's set holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Local port; 0 while it is searched.
    pub port: u16,
    /// Whether the connection is in TIME_WAIT.
    pub time_wait: bool,
    /// Process id (thread group) of who opened it; none where nobody saw that.
    pub opener: Option<u32>,
    /// How long ago, to a few seconds; none where nobody saw that.
    pub age: Option<Duration>,
}

impl Connection {
    /// Whether only a process that still holds the connection can tell who opened it.
    #[must_use]
    pub const fn is_unseen(&self) -> bool {
        self.opener.is_none() && !self.time_wait
    }
}

/// A process that opened connections of a tuple.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opener {
    /// Who; none for connections of which nobody can tell: in TIME_WAIT, or closed by their process,
    /// from before the tracer started.
    pub process: Option<OpenerProcess>,
    /// Live connections that it opened.
    pub live: u32,
    /// Its connections in TIME_WAIT.
    pub time_wait: u32,
    /// How long the oldest of them has been open; none where nobody saw one open.
    pub oldest: Option<Duration>,
}

/// The process of an [`Opener`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OpenerProcess {
    /// Process id (thread group).
    pub pid: u32,
    /// Command name.
    pub comm: String,
    /// Whether it has ended; its connections may live on elsewhere, or be in TIME_WAIT.
    pub ended: bool,
    /// Where it belongs; empty for one that has ended.
    pub place: Place,
}

impl Opener {
    /// Ports that its connections hold.
    #[must_use]
    pub const fn ports(&self) -> u32 {
        self.live.saturating_add(self.time_wait)
    }
}

/// Connections by who opened them.
#[derive(Clone, Debug, Default)]
pub struct OpenerCounts(HashMap<Option<u32>, Count>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    live: u32,
    time_wait: u32,
    oldest: Option<Duration>,
}

impl OpenerCounts {
    /// Counts a connection.
    pub fn add(&mut self, connection: &Connection) {
        let count = self.0.entry(connection.opener).or_default();
        if connection.time_wait {
            count.time_wait += 1;
        } else {
            count.live += 1;
        }
        count.oldest = count.oldest.max(connection.age);
    }

    /// The openers, those of most ports first. `name` tells who a process is, by its id and the age
    /// of its oldest connection.
    #[must_use]
    pub fn named(
        &self,
        mut name: impl FnMut(u32, Option<Duration>) -> OpenerProcess,
    ) -> Vec<Opener> {
        let mut openers: Vec<Opener> = self
            .0
            .iter()
            .map(|(pid, count)| Opener {
                process: pid.map(|pid| name(pid, count.oldest)),
                live: count.live,
                time_wait: count.time_wait,
                oldest: count.oldest,
            })
            .collect();
        openers.sort_by_key(|opener| {
            let pid = opener.process.as_ref().map(|process| process.pid);
            (std::cmp::Reverse(opener.ports()), pid)
        });
        openers
    }
}

#[cfg(test)]
mod tests {
    use super::{Connection, Duration, OpenerCounts, OpenerProcess, Place};

    #[test]
    fn connections_are_grouped_by_who_opened_them() {
        let mut counts = OpenerCounts::default();
        let mut add = |opener, time_wait, age| {
            counts.add(&Connection {
                port: 40_000,
                time_wait,
                opener,
                age: Some(Duration::from_secs(age)),
            });
        };
        add(Some(7), false, 3);
        add(Some(812), true, 40);
        add(Some(812), false, 90);
        add(Some(812), true, 60);
        add(None, true, 1);
        let openers = counts.named(|pid, oldest| OpenerProcess {
            pid,
            comm: format!("p{pid}"),
            ended: oldest > Some(Duration::from_secs(80)),
            place: Place::default(),
        });
        let shown: Vec<_> = openers
            .iter()
            .map(|opener| {
                let process = opener.process.as_ref();
                let process = process.map(|process| (process.pid, process.ended));
                (process, opener.live, opener.time_wait)
            })
            .collect();
        assert_eq!(
            shown,
            [
                (Some((812, true)), 1, 2),
                (None, 0, 1),
                (Some((7, false)), 1, 0)
            ]
        );
        assert_eq!(openers[0].oldest, Some(Duration::from_secs(90)));
    }
}
