//! Binds that found no free port.

use std::{io, net::IpAddr};

use jiff::Timestamp;
use serde::Serialize;

use super::{SCHEMA, event::ProcessKeys, keys::time, write_line};
use crate::model::{BindCause, BindFailure, BindSample};

/// The keys of a failure.
#[derive(Serialize)]
pub(super) struct BindKeys<'a> {
    netns: u32,
    netns_name: Option<&'a str>,
    /// `ip_local_port_range`.
    range: Option<[u16; 2]>,
    local_ip: Option<IpAddr>,
    bound_dev: Option<u32>,
    protocol: &'static str,
    cause: &'static str,
    errno: &'static str,
    #[serde(flatten)]
    process: ProcessKeys<'a>,
    suppressed: u64,
}

#[derive(Serialize)]
struct Sample<'a> {
    schema: u32,
    time: String,
    event: &'static str,
    netns: u32,
    netns_name: Option<&'a str>,
    tcp_bind_total: u64,
    udp_bind_total: u64,
    udp_autobind_total: u64,
}

impl<'a> BindKeys<'a> {
    pub fn new(failure: &'a BindFailure) -> Self {
        Self {
            netns: failure.netns.inum,
            netns_name: failure.netns.name.as_deref(),
            range: failure.range.map(|range| [range.low, range.high]),
            local_ip: failure.local_ip,
            bound_dev: (failure.bound_dev != 0).then_some(failure.bound_dev),
            protocol: failure.cause.protocol(),
            cause: match failure.cause {
                BindCause::TcpBind => "tcp-bind",
                BindCause::UdpBind => "udp-bind",
                BindCause::UdpAutobind => "udp-autobind",
            },
            errno: failure.cause.errno(),
            process: ProcessKeys::new(failure.process.as_ref()),
            suppressed: failure.suppressed,
        }
    }
}

/// Writes one namespace's counts of binds that found no free port.
///
/// # Errors
/// What `out` returns.
pub fn write_bind_sample(
    out: &mut dyn io::Write,
    now: Timestamp,
    sample: &BindSample,
) -> io::Result<()> {
    let line = Sample {
        schema: SCHEMA,
        time: time(now),
        event: "bind_sample",
        netns: sample.netns.inum,
        netns_name: sample.netns.name.as_deref(),
        tcp_bind_total: sample.tcp_bind,
        udp_bind_total: sample.udp_bind,
        udp_autobind_total: sample.udp_autobind,
    };
    write_line(out, &line)
}

#[cfg(test)]
mod tests {
    use super::{BindSample, write_bind_sample};
    use crate::{
        model::{
            BindCause, EventKind,
            testing::{bind_failure, event, netns},
        },
        output::{EventWriter, json::JsonWriter},
    };

    #[test]
    fn a_failure_of_a_namespace() {
        let mut out = Vec::new();
        let failure = EventKind::BindFailure(bind_failure());
        JsonWriter.event(&mut out, &event(failure)).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"time":"2026-03-01T16:40:07.214512Z","event":"bind_exhausted","#,
                r#""netns":4026532000,"netns_name":"web1","range":[40000,40499],"#,
                r#""local_ip":"127.0.0.1","bound_dev":null,"protocol":"udp","#,
                r#""cause":"udp-bind","errno":"EADDRINUSE","pid":812,"comm":"haproxy","#,
                r#""uid":99,"cgroup":"/system.slice/haproxy.service","container":null,"#,
                r#""suppressed":0}"#,
                "\n"
            )
        );
    }

    #[test]
    fn what_is_not_known_is_null() {
        let mut failure = bind_failure();
        failure.cause = BindCause::UdpAutobind;
        (failure.range, failure.local_ip, failure.process) = (None, None, None);
        failure.suppressed = 3;
        let mut out = Vec::new();
        let event = event(EventKind::BindFailure(failure));
        JsonWriter.event(&mut out, &event).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(r#""range":null,"local_ip":null,"#), "{text}");
        assert!(
            text.contains(r#""cause":"udp-autobind","errno":"EAGAIN","pid":null"#),
            "{text}"
        );
    }

    #[test]
    fn counts() {
        let sample = BindSample {
            netns: netns(),
            tcp_bind: 1,
            udp_bind: 2,
            udp_autobind: 3,
        };
        let mut out = Vec::new();
        let time = "2026-03-01T16:40:07.214512Z".parse().unwrap();
        write_bind_sample(&mut out, time, &sample).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"schema":1,"time":"2026-03-01T16:40:07.214512Z","event":"bind_sample","#,
                r#""netns":4026532000,"netns_name":"web1","tcp_bind_total":1,"#,
                r#""udp_bind_total":2,"udp_autobind_total":3}"#,
                "\n"
            )
        );
    }
}
