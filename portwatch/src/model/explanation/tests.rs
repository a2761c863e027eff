//! Incidents that were published, as facts.

use super::{
    BindHolder, Culprit, Facts, HolderKind, explain,
    fixture::{facts, stranger, trend},
    widening::{widest, without_clash},
};
use crate::model::{Forecast, PortRange};

/// The culprit and the titles of the advice.
fn concluded(facts: &Facts) -> (Option<Culprit>, Vec<String>) {
    let explanation = explain(facts);
    let titles = explanation.advice.into_iter().map(|advice| advice.title);
    (explanation.culprit, titles.collect())
}

/// A: a proxy with 28,000 lasting connections to each of four backends of its own host.
#[test]
fn a_proxy_and_its_backends() {
    let mut pusher = facts(28_232, 0);
    pusher.loopback = true;
    pusher.process = stranger(812, "haproxy");
    pusher.peers = Some(1);
    pusher.live_trend = trend(0.4, 0.0);
    pusher.failures.connect = Some(90);
    pusher.listeners = Some(vec![8083, 8080, 8082, 8081, 22, 9090]);
    let explanation = explain(&pusher);
    assert_eq!(explanation.culprit, Some(Culprit::NarrowRange));
    assert_eq!(
        explanation.reason,
        "of 28,232 ports 28,232 are live and 0 in TIME_WAIT; failed: 90 (connect: EADDRNOTAVAIL)"
    );
    let first = &explanation.advice[0];
    assert_eq!(first.title, "widen the port range");
    assert_eq!(
        first.command.as_deref(),
        Some(
            "sysctl -w net.ipv4.ip_local_reserved_ports=8080-8083,9090 && \
             sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\""
        )
    );
    assert_eq!(
        first.effect,
        "adds 36,275 ports; would clash with :8080-8083, :9090, reserve them first; \
         without a clash 9092-65535 adds 28,212"
    );
}

/// B: retries through a pool that is full: 331 connections a second, in a pod.
#[test]
fn connections_of_a_moment() {
    let mut dagster = facts(13, 21_517);
    dagster.process = stranger(77, "dagster");
    dagster.live_trend = trend(331.0, 0.0);
    dagster.enter = Some("nsenter --net=/proc/77/ns/net".to_owned());
    let explanation = explain(&dagster);
    assert_eq!(explanation.culprit, Some(Culprit::Churn));
    assert_eq!(
        explanation.reason,
        "of 28,232 ports 13 are live and 21,517 in TIME_WAIT; 331 connections are opened a \
         second, and each holds its port for 60 s more"
    );
    let (first, second) = (&explanation.advice[0], &explanation.advice[1]);
    assert_eq!(
        first.title,
        "keep connections open in dagster[77] (keep-alive, a pool)"
    );
    assert_eq!(
        first.effect,
        "28,232 ports allow 470 connections a second to one peer while each stays in TIME_WAIT \
         for 60 s; now 331 a second, which hold 19,860"
    );
    assert_eq!(
        second.command.as_deref(),
        Some("nsenter --net=/proc/77/ns/net sysctl -w net.ipv4.tcp_tw_reuse=1")
    );
    assert!(second.effect.contains("risk"), "{}", second.effect);
}

/// C: bursts of 15,000 connections to a cache on loopback, bound first.
#[test]
fn bursts_from_bound_addresses() {
    let mut bluesky = facts(0, 0);
    bluesky.loopback = true;
    bluesky.process = stranger(41, "dataplane");
    bluesky.blocked = Some(vec![
        BindHolder {
            kind: HolderKind::TimeWait,
            process: None,
            ports: 25_000,
        },
        BindHolder {
            kind: HolderKind::BoundBeforeConnect,
            process: stranger(41, "dataplane"),
            ports: 3_232,
        },
    ]);
    bluesky.usage.capacity = 0;
    bluesky.failures.bind = Some(4_000);
    let explanation = explain(&bluesky);
    assert_eq!(explanation.culprit, Some(Culprit::Churn));
    let first = &explanation.advice[0];
    assert_eq!(
        first.title,
        "set IP_BIND_ADDRESS_NO_PORT in dataplane[41] before it binds"
    );
    assert_eq!(
        first.effect,
        "each peer address and port then has 28,232 ports of its own, which all share now, and \
         connect takes those in TIME_WAIT back after 1 s"
    );
}

/// D: a sidecar that connects from 127.0.0.6 and binds first.
#[test]
fn a_sidecar() {
    let mut istio = facts(0, 0);
    istio.loopback = true;
    istio.process = stranger(15, "envoy");
    istio.blocked = Some(vec![BindHolder {
        kind: HolderKind::TimeWait,
        process: None,
        ports: 28_200,
    }]);
    istio.usage.capacity = 32;
    istio.failures.bind = Some(1);
    istio.live_trend = trend(466.0, 0.0);
    let (culprit, titles) = concluded(&istio);
    assert_eq!(culprit, Some(Culprit::Churn));
    assert_eq!(
        titles[0],
        "set IP_BIND_ADDRESS_NO_PORT in envoy[15] before it binds"
    );
    assert_eq!(
        explain(&istio).advice[1].effect,
        "28,232 ports allow 470 connections a second to all peers together while each stays in \
         TIME_WAIT for 60 s; now 466 a second, which hold 27,960"
    );
}

/// E: eight connections a second to one address that nobody closes.
#[test]
fn a_leak() {
    let mut capo = facts(14_400, 0);
    capo.process = stranger(1, "manager");
    capo.live_trend = trend(8.0, 8.0);
    capo.forecast = Forecast {
        rate: Some(8.0),
        seconds_to_exhaustion: Some(1_729.0),
    };
    let explanation = explain(&capo);
    assert_eq!(explanation.culprit, Some(Culprit::Leak));
    assert_eq!(
        explanation.reason,
        "of 28,232 ports 14,400 are live and 0 in TIME_WAIT; 8 are opened a second and none closed"
    );
    let first = &explanation.advice[0];
    assert_eq!(first.title, "have manager[1] close its connections");
    assert_eq!(
        first.command.as_deref(),
        Some("ss -tnop state established dst '10.0.0.9:443'")
    );
    assert_eq!(
        first.effect,
        "gives 14,400 ports back, as a restart does at once; 8 a second are not closed, which is \
         full in 29 min"
    );
    let widen = explanation.advice.last().unwrap();
    assert_eq!(
        widen.effect,
        "adds 36,280 ports; lasts 76 min more at this pace"
    );
}

/// F: a proxy of 300 users, and the same after its range was widened.
#[test]
fn a_crowd_of_users() {
    let mut hub = facts(28_100, 100);
    hub.process = stranger(9, "node");
    hub.peers = Some(1);
    hub.local_addresses = Some(1);
    hub.live_trend = trend(50.0, 5.0);
    hub.failures.connect = Some(12);
    let (culprit, titles) = concluded(&hub);
    assert_eq!(culprit, Some(Culprit::NarrowRange));
    assert_eq!(titles[0], "widen the port range");

    hub.range = PortRange {
        low: 10_000,
        high: 65_000,
    };
    hub.usage.capacity = hub.range.len();
    hub.usage.used = 32_000;
    hub.failures.connect = None;
    let explanation = explain(&hub);
    assert_eq!(explanation.culprit, Some(Culprit::TooFewPeers));
    assert_eq!(
        explanation.advice[0].effect,
        "each further pair of addresses adds 55,001 ports; 1 peer now; 1 source address now; \
         bind source addresses with IP_BIND_ADDRESS_NO_PORT"
    );
}

/// K5: sockets that are only bound, and a tuple without a connection that gets no port.
#[test]
fn ports_taken_by_bind() {
    let mut empty = facts(0, 0);
    empty.range = PortRange {
        low: 30_000,
        high: 30_009,
    };
    empty.usage.capacity = 0;
    empty.failures.connect = Some(1);
    let explanation = explain(&empty);
    assert_eq!(explanation.culprit, None, "nobody looked who has them");
    assert!(explanation.reason.contains("not known"));
    let mut reserved = empty.clone();
    reserved.reserved = Some(vec![reserved.range]);
    assert_eq!(explain(&reserved).culprit, Some(Culprit::NarrowRange));
    empty.failures.connect = None;
    assert_eq!(explain(&empty).culprit, None);

    let holder = |kind, pid, comm: &str, ports| BindHolder {
        kind,
        process: stranger(pid, comm),
        ports,
    };
    empty.blocked = Some(vec![
        holder(HolderKind::Listener, 3, "nginx", 1),
        holder(HolderKind::BoundBeforeConnect, 7, "curl", 9),
    ]);
    let explanation = explain(&empty);
    assert_eq!(explanation.culprit, Some(Culprit::Thief));
    let titles: Vec<_> = explanation.advice.iter().map(|a| &a.title).collect();
    assert_eq!(
        titles[..2],
        [
            "set IP_BIND_ADDRESS_NO_PORT in curl[7] before it binds",
            "move the listeners of nginx[3] out of 30000-30009"
        ]
    );
    assert_eq!(
        explanation.advice[0].effect,
        "gives 9 of 10 ports back to every connection"
    );
}

#[test]
fn a_failure_that_is_not_from_here() {
    let mut egress = facts(1_000, 200);
    assert_eq!(explain(&egress).culprit, None);
    assert!(explain(&egress).advice.is_empty());
    egress.failed_elsewhere = Some(108);
    let explanation = explain(&egress);
    assert_eq!(explanation.culprit, Some(Culprit::NotHere));
    assert_eq!(
        explanation.advice[0].command.as_deref(),
        Some("conntrack -S")
    );
}

#[test]
fn other_causes_are_no_shortage() {
    let mut docker = facts(1, 0);
    docker.failures.no_source_address = Some(300);
    let explanation = explain(&docker);
    assert_eq!(explanation.culprit, None);
    assert!(explanation.reason.ends_with("300 (no source address)"));
}

#[test]
fn time_wait_that_may_be_reused_is_not_to_blame() {
    let mut local = facts(100, 27_000);
    local.loopback = true;
    assert_eq!(explain(&local).culprit, None, "nobody counted, but all is");
    local.usage.reclaimable = Some(26_900);
    assert_eq!(explain(&local).culprit, None);
    local.timestamps = Some(false);
    local.usage.reclaimable = None;
    assert_eq!(explain(&local).culprit, Some(Culprit::Churn));
}

#[test]
fn time_wait_is_not_reused_where_it_is_already_or_cannot() {
    let churn = |tw_reuse, timestamps, loopback| {
        let mut facts = facts(13, 21_517);
        (facts.tw_reuse, facts.timestamps, facts.loopback) = (tw_reuse, timestamps, loopback);
        let (_, titles) = concluded(&facts);
        titles.iter().any(|title| title.contains("from TIME_WAIT"))
    };
    assert!(churn(Some(0), None, true));
    assert!(churn(Some(2), Some(true), false));
    for cannot in [
        (Some(1), None, false),
        (Some(2), None, true),
        (Some(2), Some(false), false),
        (None, None, false),
    ] {
        assert!(!churn(cannot.0, cannot.1, cannot.2), "{cannot:?}");
    }
}

#[test]
fn unknown_facts_make_no_command() {
    let mut unread = facts(28_000, 0);
    unread.listeners = None;
    assert_eq!((widest(&unread), without_clash(&unread)), (None, None));
    let explanation = explain(&unread);
    assert_eq!(explanation.culprit, Some(Culprit::NarrowRange));
    assert_eq!(explanation.advice[0].command, None);
    assert_eq!(
        explanation.advice[0].effect,
        "adds up to 36,280 ports, less what is reserved or listened on outside of it, which is \
         not known"
    );
    // Without the present list a new one would undo it.
    unread.listeners = Some(vec![9090]);
    unread.reserved = None;
    assert_eq!(widest(&unread), None);
    let widen = &explain(&unread).advice[0];
    assert_eq!(
        widen.command.as_deref(),
        Some("sysctl -w net.ipv4.ip_local_port_range=\"9092 65535\"")
    );
    assert_eq!(widen.effect, "adds up to 28,212 ports");
}

#[test]
fn no_range_is_too_wild() {
    for (low, high) in [
        (0, 0),
        (1, 65_535),
        (65_535, 65_535),
        (60_000, 50_000),
        (0, 1),
    ] {
        let mut wild = facts(u32::MAX - 1, 1);
        wild.range = PortRange { low, high };
        wild.usage.capacity = 0;
        wild.listeners = Some(vec![0, 1, 1024, 65_535]);
        wild.live_trend = trend(f64::NAN, f64::INFINITY);
        wild.forecast.seconds_to_exhaustion = Some(f64::INFINITY);
        let _ = explain(&wild);
    }
}
