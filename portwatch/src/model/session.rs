use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BindSample, Event, EventKind, Filter, Opener, Report, Tuple, TupleSample};

/// What a session consists of, in the order in which it happened: from a running tracer, or from a
/// recording of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Item {
    /// Something happened. The first one is the start.
    Event(Event),
    /// An interval went by.
    Interval(Interval),
    /// Who has the connections, looked up from time to time.
    Openers(Openers),
    /// Somebody looked closely at a tuple.
    Report(Box<Report>),
}

/// The state of everything at the end of an interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// When, wall clock.
    pub time: Timestamp,
    /// Every tuple, in no order.
    pub samples: Vec<TupleSample>,
    /// Every namespace in which a bind found no free port, in no order.
    pub binds: Vec<BindSample>,
    /// How the tracer itself does.
    pub tracer: TracerState,
}

/// Who opened the connections of each tuple.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Openers {
    /// When, wall clock.
    pub time: Timestamp,
    /// Every tuple that has connections, with their openers, those of most ports first.
    pub tuples: Vec<(Tuple, Vec<Opener>)>,
}

/// How a tracer does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracerState {
    /// Sockets in its set.
    pub sockets: u64,
    /// Sweeps over the kernel's own list so far.
    pub sweeps: u64,
    /// Corrections that they made; none are expected.
    pub corrections: u64,
    /// Events that did not fit into the ring buffer so far.
    pub lost_events: u64,
    /// Runs of its programs that the kernel skipped so far, by program; those without any left out.
    pub recursion_misses: BTreeMap<String, u64>,
}

impl Item {
    /// When, wall clock.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Event(event) => event.time,
            Self::Interval(interval) => interval.time,
            Self::Openers(openers) => openers.time,
            Self::Report(report) => report.time,
        }
    }

    /// What of it the reader wants to see; none where that is nothing. An interval always is
    /// something: time went by, and how the tracer does concerns everybody.
    #[must_use]
    pub fn filtered(self, filter: &Filter) -> Option<Self> {
        match self {
            Self::Event(mut event) => {
                if let EventKind::Started(started) = &mut event.kind {
                    filter.narrow(started);
                }
                filter.event(&event).then_some(Self::Event(event))
            }
            Self::Interval(mut interval) => {
                interval
                    .samples
                    .retain(|sample| filter.tuple(&sample.tuple));
                interval
                    .binds
                    .retain(|sample| filter.namespace(&sample.netns));
                Some(Self::Interval(interval))
            }
            Self::Openers(mut openers) => {
                openers.tuples.retain(|(tuple, _)| filter.tuple(tuple));
                Some(Self::Openers(openers))
            }
            Self::Report(report) => filter.tuple(&report.tuple).then_some(Self::Report(report)),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{BindSample, EventKind, Filter, Interval, Item, Openers, TracerState};
    use crate::model::{
        AlertKind,
        testing::{alert, event, netns, sample, tuple},
    };

    fn filtered(item: Item, ports: &[u16]) -> Option<Item> {
        item.filtered(&Filter {
            ports: ports.to_vec(),
            ..Filter::default()
        })
    }

    #[test]
    fn what_others_do_is_left_out() {
        let warning = || Item::Event(event(EventKind::Alert(alert(AlertKind::Warning))));
        assert!(filtered(warning(), &[8080]).is_some());
        assert!(filtered(warning(), &[80]).is_none());
        let openers = Item::Openers(Openers {
            time: Timestamp::UNIX_EPOCH,
            tuples: [80, 443]
                .map(|port| (tuple("::1", "::1", port), Vec::new()))
                .into(),
        });
        let Some(Item::Openers(openers)) = filtered(openers, &[443]) else {
            panic!("no openers");
        };
        assert_eq!(openers.tuples.len(), 1);
    }

    #[test]
    fn an_interval_is_never_nothing() {
        let interval = || {
            Item::Interval(Interval {
                time: Timestamp::UNIX_EPOCH,
                samples: vec![sample(80, 1, 500), sample(443, 1, 500)],
                binds: vec![BindSample {
                    netns: netns(),
                    tcp_bind: 1,
                    udp_bind: 0,
                    udp_autobind: 0,
                }],
                tracer: TracerState::default(),
            })
        };
        let left = |ports: &[u16]| match filtered(interval(), ports) {
            Some(Item::Interval(interval)) => (interval.samples.len(), interval.binds.len()),
            other => panic!("{other:?}"),
        };
        assert_eq!(left(&[]), (2, 1));
        assert_eq!(left(&[443]), (1, 0));
        assert_eq!(left(&[1]), (0, 0));
    }
}
