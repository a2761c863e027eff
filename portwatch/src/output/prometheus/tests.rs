use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Format, Vitals, write};
use crate::model::{Filter, Growth, Ledger, Ratios, Standing, testing::sample};

fn standing() -> Standing {
    let mut first = sample(443, 412, 500);
    first.tuple.netns.name = Some("a\"b\\c\n".into());
    first.exhausted = 7;
    first.opened = 419;
    let second = sample(80, 1, 500);
    let growth = Growth::of(0, &first, None).unwrap();
    let mut ledger = Ledger::new();
    ledger.interval(
        Timestamp::UNIX_EPOCH,
        &[first, second],
        &[growth],
        &[],
        &Filter::default(),
        50,
    )
}

fn vitals() -> Vitals {
    let mut searches = [0; 32];
    searches[3] = 2;
    searches[10] = 3;
    searches[31] = 1;
    Vitals {
        hooks: "fentry".to_owned(),
        kernel: "6.12.107".to_owned(),
        ratios: Ratios::default(),
        searches: Some(searches),
        tracked_sockets: 413,
        max_sockets: 262_144,
        max_tuples: 65_536,
        lost_events: 0,
        sweeps: 91,
        corrections: 0,
        sweep_seconds: 0.0121,
        recursion_misses: BTreeMap::from([("timer_start".to_owned(), 2)]),
        degraded: false,
    }
}

#[test]
fn the_classic_format() {
    let text = write(Format::Classic, &standing(), &vitals());
    for line in [
        "# TYPE portwatch_tuple_ports_used gauge",
        r#"portwatch_tuple_ports_used{netns="a\"b\\c\n",local_ip="127.0.0.1",peer_ip="127.0.0.1",peer_port="443"} 412"#,
        r#"portwatch_tuple_ports_capacity{netns="web1",local_ip="127.0.0.1",peer_ip="127.0.0.1",peer_port="80"} 500"#,
        "# TYPE portwatch_tuple_exhausted_total counter",
        "portwatch_utilisation_max_ratio 0.824",
        "portwatch_tuples 2",
        "# HELP portwatch_connects_total Connections that were given a port.",
        "portwatch_connects_total 412",
        r#"portwatch_connect_failures_total{cause="exhausted"} 7"#,
        r#"portwatch_connect_failures_total{cause="no_source_address"} 0"#,
        r#"portwatch_bind_failures_total{protocol="tcp",call="autobind"} 0"#,
        r#"portwatch_port_search_seconds_bucket{le="1.024e-06"} 2"#,
        r#"portwatch_port_search_seconds_bucket{le="2.048e-06"} 5"#,
        r#"portwatch_port_search_seconds_bucket{le="1.073741824"} 5"#,
        r#"portwatch_port_search_seconds_bucket{le="+Inf"} 6"#,
        "portwatch_port_search_seconds_count 6",
        "portwatch_warning_ratio 0.5",
        "portwatch_tracked_sockets 413",
        "portwatch_sweep_seconds 0.0121",
        r#"portwatch_recursion_misses_total{program="timer_start"} 2"#,
        "# TYPE portwatch_build_info gauge",
        concat!(
            r#"portwatch_build_info{version=""#,
            env!("CARGO_PKG_VERSION"),
            r#"",hooks="fentry",kernel="6.12.107"} 1"#
        ),
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
    assert!(text.ends_with("} 1\n"), "{text}");
}

#[test]
fn openmetrics_names_families_without_suffix_and_has_an_end() {
    let text = write(Format::OpenMetrics, &standing(), &vitals());
    for line in [
        "# TYPE portwatch_connects counter",
        "portwatch_connects_total 412",
        "# TYPE portwatch_build info",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
    assert!(text.ends_with("\n# EOF\n"), "{text}");
}

#[test]
fn what_is_not_measured_is_absent() {
    let vitals = Vitals {
        searches: None,
        ..vitals()
    };
    let text = write(Format::Classic, &standing(), &vitals);
    assert!(!text.contains("search"), "{text}");
    assert!(!text.contains("seconds_to_exhaustion{"), "{text}");
}

#[test]
fn the_client_chooses() {
    let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                      application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.2";
    assert_eq!(Format::accepted(prometheus), Format::OpenMetrics);
    for classic in [
        "",
        "*/*",
        "text/plain",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text; version=2.0.0",
        ";;=,,",
    ] {
        assert_eq!(Format::accepted(classic), Format::Classic, "{classic}");
    }
}
