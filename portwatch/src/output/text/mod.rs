//! Text for people: one line an event, columns aligned.

pub(super) mod blockers;
mod doctor;
mod explanation;
mod free;
pub(super) mod label;
pub(super) mod line;
pub(super) mod phrase;
mod started;

use std::io;

use jiff::tz::TimeZone;

use super::{
    EventWriter, escape,
    style::{CAUTION, NOTE, paint},
};
use crate::model::{Event, EventKind, Ratios};

pub use doctor::write_diagnosis;
pub use explanation::write_explanation;
pub(super) use free::rows as free_rows;
pub use free::write_free;
use line::Columns;

/// Width of the column that names the event: `EXHAUSTED`, `RECOVERED`, `NO-SOURCE`.
const LABEL: usize = 9;

/// How to write.
#[derive(Clone, Debug)]
pub struct TextOptions {
    /// Whether to use colour.
    pub color: bool,
    /// The reader's time zone.
    pub zone: TimeZone,
    /// Thresholds in force, told at the start.
    pub ratios: Ratios,
    /// How many tuples to show at the start.
    pub top: usize,
}

/// Writes events as text.
#[derive(Debug)]
pub struct TextWriter {
    options: TextOptions,
    columns: Columns,
}

impl TextWriter {
    /// A writer that has written nothing.
    #[must_use]
    pub fn new(options: TextOptions) -> Self {
        Self {
            options,
            columns: Columns::default(),
        }
    }

    /// Writes one event without its time, for a log that notes that by itself.
    ///
    /// # Errors
    /// What `out` returns.
    pub fn message(&mut self, out: &mut dyn io::Write, event: &Event) -> io::Result<()> {
        let Self { options, columns } = self;
        let label = |text, style| paint(text, LABEL, style, options.color);

        match &event.kind {
            EventKind::Started(started) => {
                write!(out, "{}  ", label("STARTED", NOTE))?;
                columns.make_room(started);
                started::write(out, started, options)
            }
            EventKind::Alert(alert) => columns.alert(out, alert, options.color),
            EventKind::Failure(failure) => columns.failure(out, failure, options.color),
            EventKind::BindFailure(failure) => columns.bind(out, failure, options.color),
            EventKind::Lost { events } => writeln!(
                out,
                "{}  {events} event{} found no room in the ring buffer and will not be shown; \
                 counts are unaffected; a greater --ring-size helps",
                label("LOST", CAUTION),
                if *events == 1 { "" } else { "s" },
            ),
            EventKind::Degraded { reason } => {
                writeln!(out, "{}  {}", label("DEGRADED", CAUTION), escape(reason))
            }
        }
    }
}

impl EventWriter for TextWriter {
    fn event(&mut self, out: &mut dyn io::Write, event: &Event) -> io::Result<()> {
        let zoned = event.time.to_zoned(self.options.zone.clone());
        write!(out, "{}  ", zoned.strftime("%H:%M:%S%.3f"))?;
        self.message(out, event)
    }
}

#[cfg(test)]
mod tests {
    use super::{EventWriter, Ratios, TextOptions, TextWriter, TimeZone};
    use crate::model::{
        AlertKind, BindCause, Cause, Event, EventKind,
        testing::{alert, bind_failure, event, failure, process, tuple},
    };

    fn options(color: bool) -> TextOptions {
        TextOptions {
            color,
            zone: TimeZone::UTC,
            ratios: Ratios::default(),
            top: 10,
        }
    }

    fn written(color: bool, events: impl IntoIterator<Item = EventKind>) -> String {
        let mut writer = TextWriter::new(options(color));
        let mut out = Vec::new();
        for kind in events {
            writer.event(&mut out, &event(kind)).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_incident_in_aligned_columns() {
        let mut late = failure();
        late.suppressed = 37;
        let mut recovered = alert(AlertKind::Recovered);
        recovered.usage.used = 224;
        recovered.usage.time_wait = 200;
        recovered.forecast.rate = Some(-4.25);
        recovered.forecast.seconds_to_exhaustion = None;
        recovered.process = None;
        let text = written(
            false,
            [
                EventKind::Alert(alert(AlertKind::Critical)),
                EventKind::Failure(late),
                EventKind::Alert(recovered),
            ],
        );
        assert_eq!(
            text,
            "\
16:40:07.214  CRITICAL   web1  127.0.0.1 -> 127.0.0.1:8080      412/500 ports (82 %)   \
+31/s, exhausted in 2 s     haproxy[812] in haproxy.service
16:40:07.214  EXHAUSTED  web1  127.0.0.1 -> 127.0.0.1:8080      500/500 ports (100 %)  \
EADDRNOTAVAIL               haproxy[812] in haproxy.service  (37 more not shown)
16:40:07.214  RECOVERED  web1  127.0.0.1 -> 127.0.0.1:8080      224/500 ports (44 %)   \
-4.2/s, 200 in TIME_WAIT
"
        );
    }

    #[test]
    fn a_forecast_says_how_long_it_takes() {
        let mut predicted = alert(AlertKind::Predicted);
        predicted.process = None;
        let text = written(false, [EventKind::Alert(predicted)]);
        assert_eq!(
            text,
            "16:40:07.214  PREDICTED  web1  127.0.0.1 -> 127.0.0.1:8080      \
             412/500 ports (82 %)   +31/s, exhausted in 2 s\n"
        );
    }

    #[test]
    fn other_causes_say_what_was_wrong() {
        let mut conflict = failure();
        conflict.cause = Cause::Conflict;
        conflict.usage = None;
        conflict.local_port = Some(40_001);
        let mut homeless = failure();
        homeless.cause = Cause::NoSourceAddress;
        homeless.usage = None;
        homeless.tuple = tuple("::1", "fd00::7", 443);
        homeless.tuple.local_ip = None;
        homeless.process = None;
        homeless.suppressed = 4;
        let text = written(
            false,
            [EventKind::Failure(conflict), EventKind::Failure(homeless)],
        );
        assert_eq!(
            text,
            "\
16:40:07.214  CONFLICT   web1  127.0.0.1 -> 127.0.0.1:8080      bound port 40001       \
EADDRNOTAVAIL, this port already has a connection to this peer  \
haproxy[812] in haproxy.service
16:40:07.214  NO-SOURCE  web1  * -> [fd00::7]:443               -                      \
EADDRNOTAVAIL, no usable source address towards this peer  (5 failures not shown one by one)
"
        );
    }

    #[test]
    fn binds_name_the_range_of_their_namespace() {
        let mut listen = bind_failure();
        listen.cause = BindCause::TcpBind;
        listen.local_ip = Some("::".parse().unwrap());
        listen.bound_dev = 3;
        let mut rest = bind_failure();
        rest.cause = BindCause::UdpAutobind;
        (rest.range, rest.local_ip, rest.process) = (None, None, None);
        rest.suppressed = 4;
        let failures = [bind_failure(), listen, rest];
        assert_eq!(
            written(false, failures.map(EventKind::BindFailure)),
            "\
16:40:07.214  NO-PORT    web1  udp bind 127.0.0.1               range 40000-40499      \
EADDRINUSE, no free port to bind  haproxy[812] in haproxy.service
16:40:07.214  NO-PORT    web1  tcp bind ::%3                    range 40000-40499      \
EADDRINUSE, no free port to bind  haproxy[812] in haproxy.service
16:40:07.214  NO-PORT    web1  udp autobind *                   -                      \
EAGAIN, no free port to bind  (5 failures not shown one by one)
"
        );
    }

    #[test]
    fn portwatchs_own_troubles() {
        let reason = "the map of sockets is full; raise --max-sockets".to_owned();
        let text = written(
            false,
            [
                EventKind::Lost { events: 1 },
                EventKind::Degraded { reason },
            ],
        );
        assert_eq!(
            text,
            "\
16:40:07.214  LOST       1 event found no room in the ring buffer and will not be shown; \
counts are unaffected; a greater --ring-size helps
16:40:07.214  DEGRADED   the map of sockets is full; raise --max-sockets
"
        );
    }

    #[test]
    fn names_cannot_act_on_the_terminal() {
        let mut failure = failure();
        failure.process = Some(process(1, "\x1b]0;x\x07\n"));
        failure.tuple.netns.name = Some("a\x1bb".into());
        let text = written(false, [EventKind::Failure(failure)]);
        assert_eq!(text.matches('\n').count(), 1);
        assert!(!text.contains('\x1b') && !text.contains('\x07'));
        assert!(text.contains("\\u{1b}]0;x\\u{7}\\n[1]"), "{text}");
    }

    #[test]
    fn colour_marks_the_label_only() {
        let text = written(true, [EventKind::Alert(alert(AlertKind::Warning))]);
        assert!(
            text.starts_with("16:40:07.214  \u{1b}[1m\u{1b}[33mWARNING  \u{1b}[0m  web1"),
            "{text:?}"
        );
        assert_eq!(text.matches('\u{1b}').count(), 3);
    }

    #[test]
    fn a_closed_pipe_is_the_callers_to_see() {
        struct Closed;
        impl std::io::Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let event: Event = event(EventKind::Lost { events: 1 });
        let error = TextWriter::new(options(false))
            .event(&mut Closed, &event)
            .unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
}
