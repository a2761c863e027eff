use std::collections::HashSet;

use super::{BindCause, Event, EventKind, Filter, NetnsId, Process, Tuple};

/// Tuples and namespaces remembered at most: on a host where containers come and go there is no end of them.
const LIMIT: usize = 65_536;

/// Decides event by event what the reader sees, and remembers what that depends on.
///
/// Some lines have no process: a recovery, and one that only accounts for suppressed failures. To
/// a reader who asked for certain processes they belong when an earlier line of their tuple did, or
/// of binds in their namespace: they complete it.
#[derive(Debug)]
pub struct Screen {
    /// What the reader asked for.
    pub filter: Filter,
    shown: HashSet<Subject>,
}

/// What a line is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Tuple(Tuple),
    Binds(NetnsId, BindCause),
}

impl Screen {
    /// Nothing shown yet.
    #[must_use]
    pub fn new(filter: Filter) -> Self {
        Self {
            filter,
            shown: HashSet::new(),
        }
    }

    /// Whether the reader sees this event.
    pub fn passes(&mut self, event: &Event) -> bool {
        if !self.filter.event(event) {
            return false;
        }
        if !self.filter.asks_for_processes() {
            return true;
        }
        let Some((subject, process)) = subject(event) else {
            return true;
        };
        if process.is_none() {
            return self.shown.contains(&subject);
        }
        if !self.shown.contains(&subject) {
            // Those still in alert are remembered again with their next line.
            if self.shown.len() >= LIMIT {
                self.shown.clear();
            }
            self.shown.insert(subject);
        }
        true
    }
}

/// What an event is about, and its process; none for one that is about portwatch itself.
fn subject(event: &Event) -> Option<(Subject, Option<&Process>)> {
    let tuple = |tuple: &Tuple| Subject::Tuple(tuple.clone());
    match &event.kind {
        EventKind::Alert(alert) => Some((tuple(&alert.tuple), alert.process.as_ref())),
        EventKind::Failure(failure) => Some((tuple(&failure.tuple), failure.process.as_ref())),
        EventKind::BindFailure(failure) => {
            let subject = Subject::Binds(failure.netns.clone(), failure.cause);
            Some((subject, failure.process.as_ref()))
        }
        EventKind::Started(_) | EventKind::Lost { .. } | EventKind::Degraded { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{EventKind, Filter, Screen};
    use crate::model::{
        AlertKind, Event,
        testing::{alert, event, failure},
    };

    fn recovery() -> Event {
        let mut recovery = alert(AlertKind::Recovered);
        recovery.process = None;
        event(EventKind::Alert(recovery))
    }

    fn rest_of_a_storm() -> Event {
        let mut rest = failure();
        rest.process = None;
        event(EventKind::Failure(rest))
    }

    fn screen(comm: &str) -> Screen {
        Screen::new(Filter {
            comms: vec![comm.to_owned()],
            ..Filter::default()
        })
    }

    #[test]
    fn lines_without_a_process_complete_those_that_were_shown() {
        let mut screen = screen("haproxy");
        assert!(!screen.passes(&recovery()) && !screen.passes(&rest_of_a_storm()));
        assert!(screen.passes(&event(EventKind::Alert(alert(AlertKind::Warning)))));
        assert!(screen.passes(&recovery()) && screen.passes(&rest_of_a_storm()));
    }

    #[test]
    fn another_process_brings_nothing_with_it() {
        let mut screen = screen("nginx");
        assert!(!screen.passes(&event(EventKind::Failure(failure()))));
        assert!(!screen.passes(&recovery()));
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let mut screen = screen("haproxy");
        let mut warning = alert(AlertKind::Warning);
        for inum in 0..=super::LIMIT as u32 {
            warning.tuple.netns.inum = inum;
            assert!(screen.passes(&event(EventKind::Alert(warning.clone()))));
        }
        assert!(screen.shown.len() <= super::LIMIT);
    }

    #[test]
    fn without_a_filter_on_processes_everything_passes() {
        let mut screen = Screen::new(Filter::default());
        assert!(screen.passes(&recovery()) && screen.passes(&rest_of_a_storm()));
    }
}
