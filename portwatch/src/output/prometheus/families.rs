use super::{
    Vitals,
    format::{Kind, Page},
    histogram,
};
use crate::model::Standing;

/// Writes what is known of the host.
pub(super) fn write(page: &mut Page, standing: &Standing, vitals: &Vitals) {
    let totals = &standing.totals;
    page.gauge(
        "portwatch_utilisation_max_ratio",
        "Utilisation of the fullest tuple.",
        standing.utilisation_max,
    );
    page.gauge(
        "portwatch_tuples",
        "Tuples that hold a port.",
        standing.tuples,
    );
    page.counter(
        "portwatch_connects",
        "Connections that were given a port.",
        totals.connects,
    );
    page.family(
        "portwatch_connect_failures",
        Kind::Counter,
        "Connects that failed with EADDRNOTAVAIL.",
    );
    for (cause, count) in [
        ("exhausted", totals.exhausted),
        ("conflict", totals.conflict),
        ("no_source_address", totals.no_source_address),
    ] {
        let name = "portwatch_connect_failures_total";
        page.sample(name, &[("cause", cause)], count);
    }
    page.family(
        "portwatch_bind_failures",
        Kind::Counter,
        "Binds that found no port in the whole range.",
    );
    for (protocol, call, count) in [
        // listen(2) without a bind is told as one.
        ("tcp", "bind", totals.tcp_bind),
        ("tcp", "autobind", 0),
        ("udp", "bind", totals.udp_bind),
        ("udp", "autobind", totals.udp_autobind),
    ] {
        let labels = [("protocol", protocol), ("call", call)];
        page.sample("portwatch_bind_failures_total", &labels, count);
    }
    if let Some(searches) = &vitals.searches {
        page.counter(
            "portwatch_slow_searches",
            "Times that the port searches of a tuple became slow.",
            totals.slow_searches,
        );
        histogram::write(page, searches);
    }
    for (name, help, ratio) in [
        (
            "portwatch_warning_ratio",
            "The warning threshold as configured.",
            vitals.ratios.warning(),
        ),
        (
            "portwatch_critical_ratio",
            "The critical threshold as configured.",
            vitals.ratios.critical(),
        ),
    ] {
        page.gauge(name, help, f64::from(ratio.permille()) / 1000.0);
    }
}
