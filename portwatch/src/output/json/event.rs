use serde::Serialize;

use super::{
    SCHEMA,
    bind::BindKeys,
    keys::{ForecastKeys, NamespaceKeys, SampleKeys, TupleKeys, UsageKeys, time},
};
use crate::model::{Alert, AlertKind, Cause, Event, EventKind, Failure, Process, Started};

/// An event; each kind has always the same keys.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    time: String,
    event: &'static str,
    #[serde(flatten)]
    kind: Kind<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Kind<'a> {
    Started(Box<StartedKeys<'a>>),
    Connect(Box<ConnectKeys<'a>>),
    Bind(Box<BindKeys<'a>>),
    Lost { events: u64 },
    Degraded { reason: &'a str },
}

#[derive(Serialize)]
struct StartedKeys<'a> {
    schema: u32,
    version: &'static str,
    hooks: &'a str,
    kernel: &'a str,
    sockets: u64,
    blind_spots: &'a [String],
    namespaces: Vec<NamespaceKeys<'a>>,
    tuples: Vec<SampleKeys<'a>>,
}

/// The keys of alerts and failures alike.
#[derive(Serialize)]
struct ConnectKeys<'a> {
    #[serde(flatten)]
    tuple: TupleKeys<'a>,
    #[serde(flatten)]
    usage: UsageKeys,
    #[serde(flatten)]
    forecast: ForecastKeys,
    cause: Option<&'static str>,
    errno: Option<&'static str>,
    #[serde(flatten)]
    process: ProcessKeys<'a>,
    local_port: Option<u16>,
    suppressed: Option<u64>,
    /// Duration of the port search.
    search_seconds: Option<f64>,
}

#[derive(Default, Serialize)]
pub(super) struct ProcessKeys<'a> {
    pid: Option<u32>,
    comm: Option<&'a str>,
    uid: Option<u32>,
    cgroup: Option<&'a str>,
    container: Option<&'a str>,
}

impl<'a> Line<'a> {
    pub fn new(event: &'a Event) -> Self {
        let (name, kind) = match &event.kind {
            EventKind::Started(started) => ("started", Kind::Started(StartedKeys::boxed(started))),
            EventKind::Alert(alert) => {
                let name = match alert.kind {
                    AlertKind::Warning => "warning",
                    AlertKind::Critical => "critical",
                    AlertKind::Predicted => "eta_warning",
                    AlertKind::Recovered => "recovered",
                    AlertKind::SlowSearch(_) => "slow_search",
                };
                (name, Kind::Connect(Box::new(ConnectKeys::alert(alert))))
            }
            EventKind::Failure(failure) => {
                let name = match failure.cause {
                    Cause::Exhausted => "exhausted",
                    Cause::Conflict => "conflict",
                    Cause::NoSourceAddress => "no_source_address",
                };
                (name, Kind::Connect(Box::new(ConnectKeys::failure(failure))))
            }
            EventKind::BindFailure(failure) => {
                let keys = Box::new(BindKeys::new(failure));
                ("bind_exhausted", Kind::Bind(keys))
            }
            EventKind::Lost { events } => ("lost", Kind::Lost { events: *events }),
            EventKind::Degraded { reason } => ("degraded", Kind::Degraded { reason }),
        };
        Self {
            time: time(event.time),
            event: name,
            kind,
        }
    }
}

impl<'a> StartedKeys<'a> {
    fn boxed(started: &'a Started) -> Box<Self> {
        Box::new(Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            hooks: &started.hooks,
            kernel: &started.kernel,
            sockets: started.sockets,
            blind_spots: &started.blind_spots,
            namespaces: started.namespaces.iter().map(NamespaceKeys::new).collect(),
            tuples: started.tuples.iter().map(SampleKeys::new).collect(),
        })
    }
}

impl<'a> ConnectKeys<'a> {
    fn alert(alert: &'a Alert) -> Self {
        Self {
            tuple: TupleKeys::new(&alert.tuple),
            usage: UsageKeys::new(&alert.usage),
            forecast: ForecastKeys::new(&alert.forecast),
            cause: None,
            errno: None,
            process: ProcessKeys::new(alert.process.as_ref()),
            local_port: None,
            suppressed: None,
            search_seconds: match alert.kind {
                AlertKind::SlowSearch(took) => Some(took.as_secs_f64()),
                _ => None,
            },
        }
    }

    fn failure(failure: &'a Failure) -> Self {
        Self {
            tuple: TupleKeys::new(&failure.tuple),
            usage: failure
                .usage
                .as_ref()
                .map(UsageKeys::new)
                .unwrap_or_default(),
            forecast: ForecastKeys::default(),
            cause: Some(match failure.cause {
                Cause::Exhausted => "exhausted",
                Cause::Conflict => "conflict",
                Cause::NoSourceAddress => "no-source-address",
            }),
            errno: Some("EADDRNOTAVAIL"),
            process: ProcessKeys::new(failure.process.as_ref()),
            local_port: failure.local_port,
            suppressed: Some(failure.suppressed),
            search_seconds: None,
        }
    }
}

impl<'a> ProcessKeys<'a> {
    pub fn new(process: Option<&'a Process>) -> Self {
        process.map_or_else(Self::default, |process| Self {
            pid: Some(process.pid),
            comm: Some(&process.comm),
            uid: Some(process.uid),
            cgroup: process.cgroup.as_deref(),
            container: process.container.as_deref(),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        model::{
            AlertKind, Cause, EventKind, Started,
            testing::{alert, event, failure, namespace, sample},
        },
        output::{EventWriter, json::JsonWriter},
    };

    fn written(kind: EventKind) -> String {
        let mut out = Vec::new();
        JsonWriter.event(&mut out, &event(kind)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_alert() {
        assert_eq!(
            written(EventKind::Alert(alert(AlertKind::Critical))),
            concat!(
                r#"{"time":"2026-03-01T16:40:07.214512Z","event":"critical","#,
                r#""netns":4026532000,"netns_name":"web1","local_ip":"127.0.0.1","#,
                r#""peer_ip":"127.0.0.1","peer_port":8080,"bound_dev":null,"#,
                r#""used":412,"time_wait":0,"reclaimable":null,"capacity":500,"headroom":88,"headroom_max":88,"#,
                r#""utilisation":0.824,"rate":31.0,"seconds_to_exhaustion":2.839,"#,
                r#""cause":null,"errno":null,"pid":812,"comm":"haproxy","uid":99,"#,
                r#""cgroup":"/system.slice/haproxy.service","container":null,"#,
                r#""local_port":null,"suppressed":null,"search_seconds":null}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_failure_has_the_same_keys() {
        let mut failure = failure();
        failure.cause = Cause::NoSourceAddress;
        failure.usage = None;
        failure.process = None;
        failure.tuple.local_ip = None;
        failure.suppressed = 3;
        assert_eq!(
            written(EventKind::Failure(failure)),
            concat!(
                r#"{"time":"2026-03-01T16:40:07.214512Z","event":"no_source_address","#,
                r#""netns":4026532000,"netns_name":"web1","local_ip":null,"#,
                r#""peer_ip":"127.0.0.1","peer_port":8080,"bound_dev":null,"#,
                r#""used":null,"time_wait":null,"reclaimable":null,"capacity":null,"#,
                r#""headroom":null,"headroom_max":null,"utilisation":null,"rate":null,"#,
                r#""seconds_to_exhaustion":null,"cause":"no-source-address","#,
                r#""errno":"EADDRNOTAVAIL","pid":null,"comm":null,"uid":null,"cgroup":null,"#,
                r#""container":null,"local_port":null,"suppressed":3,"search_seconds":null}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_forecast_of_exhaustion() {
        let text = written(EventKind::Alert(alert(AlertKind::Predicted)));
        assert!(text.contains(r#""event":"eta_warning","#), "{text}");
        assert!(text.contains(r#""seconds_to_exhaustion":2.839,"#), "{text}");
    }

    #[test]
    fn slow_searches() {
        let slow = AlertKind::SlowSearch(std::time::Duration::from_micros(912));
        let text = written(EventKind::Alert(alert(slow)));
        assert!(text.contains(r#""event":"slow_search","#), "{text}");
        assert!(text.ends_with("\"search_seconds\":0.000912}\n"), "{text}");
    }

    #[test]
    fn the_start() {
        let mut busy = sample(8080, 2, 500);
        busy.tuple.bound_dev = 3;
        let started = Started {
            hooks: "tracepoint".to_owned(),
            kernel: "6.18.44".to_owned(),
            blind_spots: vec!["UDP".to_owned()],
            namespaces: vec![namespace()],
            sockets: 2,
            tuples: vec![busy],
        };
        let text = written(EventKind::Started(started));
        let expected = concat!(
            r#"{"time":"2026-03-01T16:40:07.214512Z","event":"started","schema":1,"#,
            r#""version":"VERSION","hooks":"tracepoint","kernel":"6.18.44","sockets":2,"#,
            r#""blind_spots":["UDP"],"namespaces":[{"netns":4026532000,"name":"web1","#,
            r#""range":[40000,40499],"reserved":0,"blocked":null,"tw_reuse":2,"#,
            r#""capacity":500,"unreachable":null}],"tuples":[{"netns":4026532000,"#,
            r#""netns_name":"web1","local_ip":"127.0.0.1","peer_ip":"127.0.0.1","#,
            r#""peer_port":8080,"bound_dev":3,"used":2,"time_wait":0,"reclaimable":null,"#,
            r#""capacity":500,"headroom":498,"headroom_max":498,"utilisation":0.004,"rate":null,"#,
            r#""seconds_to_exhaustion":null,"exhausted":0,"conflict":0,"untracked":0,"#,
            r#""states":null}]}"#,
            "\n"
        );
        assert_eq!(text, expected.replace("VERSION", env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn portwatchs_own_troubles() {
        assert_eq!(
            written(EventKind::Lost { events: 7 }),
            "{\"time\":\"2026-03-01T16:40:07.214512Z\",\"event\":\"lost\",\"events\":7}\n"
        );
        let reason = "a \"full\"\nmap".to_owned();
        assert_eq!(
            written(EventKind::Degraded { reason }),
            concat!(
                r#"{"time":"2026-03-01T16:40:07.214512Z","event":"degraded","#,
                r#""reason":"a \"full\"\nmap"}"#,
                "\n"
            )
        );
    }
}
