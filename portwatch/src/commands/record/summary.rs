use crate::{
    model::{Cause, EventKind, Item, Tuple, Usage},
    output::escape,
};

/// What a recording holds.
#[derive(Debug, Default)]
pub(super) struct Summary {
    events: u64,
    intervals: u64,
    reports: u64,
    /// Failures for want of a port of which there was an event.
    failures: u64,
    fullest: Option<(Tuple, Usage)>,
}

impl Summary {
    /// Counts an item.
    pub fn add(&mut self, item: &Item) {
        match item {
            Item::Event(event) => {
                self.events += 1;
                self.event(&event.kind);
            }
            Item::Interval(interval) => {
                self.intervals += 1;
                for sample in &interval.samples {
                    self.usage(&sample.tuple, &sample.usage);
                }
            }
            Item::Report(_) => self.reports += 1,
            Item::Openers(_) => {}
        }
    }

    fn event(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Started(started) => {
                for sample in &started.tuples {
                    self.usage(&sample.tuple, &sample.usage);
                }
            }
            EventKind::Alert(alert) => self.usage(&alert.tuple, &alert.usage),
            EventKind::Failure(failure) if failure.cause == Cause::Exhausted => {
                let itself = u64::from(failure.process.is_some());
                self.failures = self.failures.saturating_add(failure.suppressed + itself);
                if let Some(usage) = &failure.usage {
                    self.usage(&failure.tuple, usage);
                }
            }
            _ => {}
        }
    }

    fn usage(&mut self, tuple: &Tuple, usage: &Usage) {
        let full = |usage: &Usage| (usage.utilisation(), usage.used);
        let fullest = self.fullest.as_ref().map(|(_, usage)| full(usage));
        if fullest.is_none_or(|fullest| full(usage) > fullest) {
            self.fullest = Some((tuple.clone(), *usage));
        }
    }

    /// For people, a sentence each.
    pub fn lines(&self, name: &str, bytes: u64) -> Vec<String> {
        let mut what = counted(self.events, "event");
        if self.reports > 0 {
            what += &format!(", {}", counted(self.reports, "report"));
        }
        let mut lines = vec![format!(
            "recorded {what} and {} to {name}, {}",
            counted(self.intervals, "interval"),
            size(bytes),
        )];
        if let Some((tuple, usage)) = &self.fullest {
            lines.push(format!(
                "the fullest tuple was {} {}, {} of {} ports",
                escape(&tuple.netns),
                escape(tuple),
                usage.used,
                usage.capacity,
            ));
        }
        if self.failures > 0 {
            let failed = counted(self.failures, "connect");
            lines.push(format!("{failed} failed for want of a port"));
        }
        lines
    }
}

fn counted(count: u64, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{s}")
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{bytes} bytes"),
        10_240..10_485_760 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / 1024 / 1024),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Summary, size};
    use crate::model::{
        AlertKind, EventKind, Interval, Item, TracerState,
        testing::{alert, event, failure, sample},
    };

    #[test]
    fn tells_what_there_is_to_look_at() {
        let mut summary = Summary::default();
        summary.add(&Item::Interval(Interval {
            time: Timestamp::UNIX_EPOCH,
            samples: vec![sample(80, 20, 500), sample(443, 10, 500)],
            binds: Vec::new(),
            tracer: TracerState::default(),
        }));
        assert_eq!(
            summary.lines("x.pw", 700),
            [
                "recorded 0 events and 1 interval to x.pw, 700 bytes",
                "the fullest tuple was web1 127.0.0.1 -> 127.0.0.1:80, 20 of 500 ports",
            ]
        );
        summary.add(&Item::Event(event(EventKind::Alert(alert(
            AlertKind::Warning,
        )))));
        let mut more = failure();
        more.suppressed = 36;
        summary.add(&Item::Event(event(EventKind::Failure(more))));
        assert_eq!(
            summary.lines("x.pw", 0)[1..],
            [
                "the fullest tuple was web1 127.0.0.1 -> 127.0.0.1:8080, 500 of 500 ports",
                "37 connects failed for want of a port",
            ]
        );
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(size(10_239), "10239 bytes");
        assert_eq!(size(10_240), "10 KiB");
        assert_eq!(size(104_857_600), "100 MiB");
    }
}
