use super::{
    Vitals,
    format::{Kind, Page},
};

/// Writes how the tracer does.
pub(super) fn write(page: &mut Page, vitals: &Vitals) {
    page.gauge(
        "portwatch_tracked_sockets",
        "Sockets in the set, those in TIME_WAIT included.",
        vitals.tracked_sockets,
    );
    page.gauge(
        "portwatch_tracked_sockets_limit",
        "Room in the set.",
        vitals.max_sockets,
    );
    page.gauge(
        "portwatch_tracked_tuples_limit",
        "Room for tuples.",
        vitals.max_tuples,
    );
    page.counter(
        "portwatch_events_lost",
        "Events that the ring buffer had no room for.",
        vitals.lost_events,
    );
    page.counter(
        "portwatch_sweep_corrections",
        "Entries that a sweep had to put right.",
        vitals.corrections,
    );
    page.counter("portwatch_sweeps", "Sweeps completed.", vitals.sweeps);
    page.gauge(
        "portwatch_sweep_seconds",
        "How long the last sweep took.",
        vitals.sweep_seconds,
    );
    page.family(
        "portwatch_recursion_misses",
        Kind::Counter,
        "Runs of a program that the kernel skipped.",
    );
    for (program, misses) in &vitals.recursion_misses {
        let name = "portwatch_recursion_misses_total";
        page.sample(name, &[("program", program)], misses);
    }
    page.gauge(
        "portwatch_degraded",
        "1 while something lasts that makes counts less than exact.",
        u8::from(vitals.degraded),
    );
    page.family("portwatch_build", Kind::Info, "What runs here; always 1.");
    let labels = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("hooks", &vitals.hooks),
        ("kernel", &vitals.kernel),
    ];
    page.sample("portwatch_build_info", &labels, 1);
}
