use std::time::Duration;

use jiff::tz::TimeZone;

use crate::{
    model::{Ages, Failures, Opener, Report, States, Usage, container::short_id, state},
    output::{
        FreeReport, escape,
        text::{free_rows, phrase},
    },
};

/// Openers that are shown; further ones are summed up.
const SHOWN: usize = 8;

/// What a report tells, by name: the verdict apart.
pub(super) fn rows(report: &Report, zone: &TimeZone) -> Vec<(&'static str, String)> {
    let mut rows = vec![("state", standing(report, zone))];
    rows.extend(free_rows(&FreeReport::from(report)));
    rows.push(("states", states(&report.states)));
    rows.extend(ages(&report.ages).map(|ages| ("ages", ages)));
    let mut name = "opened by";
    for opener in openers(&report.openers) {
        rows.push((name, opener));
        name = "";
    }
    rows.extend(failures(&report.failures).map(|failures| ("failed", failures)));
    let reuse = report.namespace.tw_reuse;
    rows.extend(reuse.map(|reuse| ("sysctls", format!("tcp_tw_reuse {reuse}"))));
    rows
}

/// `exhausted since 16:40:10`, `82 % used, +31/s, exhausted in 3 s`.
fn standing(report: &Report, zone: &TimeZone) -> String {
    let usage = Usage {
        used: report.room.used,
        time_wait: 0,
        reclaimable: Some(report.room.reclaimable),
        capacity: report.room.capacity,
        room: Some(report.room.headroom),
    };
    let mut parts = Vec::new();
    if let Some(since) = report.failing_since {
        let since = since.to_zoned(zone.clone());
        parts.push(format!("failing since {}", since.strftime("%F %T")));
    }
    parts.push(if report.room.headroom.most == 0 {
        "no port left".to_owned()
    } else {
        format!("{} used", phrase::percent(&usage))
    });
    let trend = phrase::trend(&report.forecast, &usage);
    if !trend.is_empty() {
        parts.push(trend);
    }
    parts.join(", ")
}

/// `412 established, 20 time_wait`, most first.
pub(in crate::output) fn states(states: &States) -> String {
    let mut counts: Vec<(u32, &str)> = state::NAMES
        .iter()
        .map(|(number, name)| (states.of(*number), *name))
        .filter(|(count, _)| *count > 0)
        .collect();
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    if counts.is_empty() {
        return "no connection".to_owned();
    }
    let words = counts.iter().map(|(count, name)| format!("{count} {name}"));
    words.collect::<Vec<_>>().join(", ")
}

/// `2 under 10 s, 10 under 1 h, 400 from before; oldest 41 min`.
pub(in crate::output) fn ages(ages: &Ages) -> Option<String> {
    const NAMES: [&str; 5] = [
        "under 10 s",
        "under 1 min",
        "under 10 min",
        "under 1 h",
        "older",
    ];
    let mut words: Vec<String> = NAMES
        .iter()
        .zip(ages.spread)
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    if ages.unknown > 0 {
        words.push(format!("{} from before portwatch looked", ages.unknown));
    }
    if let Some(oldest) = ages.oldest {
        words.push(format!("the oldest that was seen to open {}", age(oldest)));
    }
    (!words.is_empty()).then(|| words.join(", "))
}

pub(in crate::output) fn age(age: Duration) -> String {
    match age.as_secs() {
        s if s < 120 => format!("{s} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s if s < 172_800 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86_400),
    }
}

/// A line each: `haproxy[812] in haproxy.service: 412 live, 20 in TIME_WAIT, oldest 41 min`.
pub(in crate::output) fn openers(openers: &[Opener]) -> Vec<String> {
    let (shown, further) = openers.split_at(openers.len().min(SHOWN));
    let mut lines: Vec<String> = shown
        .iter()
        .map(|opener| format!("{}: {}", who(opener), holdings(opener)))
        .collect();
    if !further.is_empty() {
        let ports = further.iter().map(Opener::ports);
        let ports = ports.fold(0, u32::saturating_add);
        lines.push(format!("{} further processes: {ports}", further.len()));
    }
    lines
}

/// `haproxy[812] in haproxy.service`.
pub(in crate::output) fn who(opener: &Opener) -> String {
    let Some(process) = &opener.process else {
        return "unknown, from before portwatch looked".to_owned();
    };
    let name = format!("{}[{}]", escape(&process.comm), process.pid);
    let place = &process.place;
    let mut words = Vec::new();
    if let Some(pod) = &place.pod {
        words.push(format!("pod {}", escape(pod)));
    }
    if let Some(id) = &place.container {
        words.push(format!("container {}", escape(short_id(id))));
    }
    if let Some(unit) = &place.unit {
        words.push(escape(unit).to_string());
    }
    if process.ended {
        return format!("{name}, which has ended");
    }
    if words.is_empty() {
        return name;
    }
    format!("{name} in {}", words.join(", "))
}

fn holdings(opener: &Opener) -> String {
    let mut words = Vec::new();
    if opener.live > 0 {
        words.push(format!("{} live", opener.live));
    }
    if opener.time_wait > 0 {
        words.push(format!("{} in TIME_WAIT", opener.time_wait));
    }
    if let Some(oldest) = opener.oldest {
        words.push(format!("oldest {}", age(oldest)));
    }
    words.join(", ")
}

/// `37 connect (EADDRNOTAVAIL)`; none where nothing failed.
fn failures(failures: &Failures) -> Option<String> {
    let paths = [
        (failures.connect, "connect (EADDRNOTAVAIL)"),
        (failures.bind, "bind in this namespace (EADDRINUSE)"),
        (failures.udp, "UDP in this namespace (EADDRINUSE, EAGAIN)"),
        (
            failures.conflict,
            "connect from a bound port that was taken",
        ),
        (
            failures.no_source_address,
            "connect without a source address",
        ),
    ];
    let words = paths.iter().filter_map(|(count, path)| {
        let count = count.filter(|count| *count > 0)?;
        Some(format!("{count} {path}"))
    });
    let words: Vec<_> = words.collect();
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::rows;
    use crate::model::testing::report;

    fn value(name: &str) -> Option<String> {
        let rows = rows(&report(), &TimeZone::UTC);
        let found = rows.into_iter().find(|(found, _)| *found == name);
        found.map(|(_, value)| value)
    }

    #[test]
    fn what_an_operator_asks_first() {
        let state = value("state").unwrap();
        assert_eq!(
            state,
            "failing since 1970-01-01 00:00:07, 82 % used, +31/s, exhausted in 2 s"
        );
        assert_eq!(value("states").unwrap(), "412 established");
        assert_eq!(
            value("ages").unwrap(),
            "2 under 10 s, 10 under 1 h, 400 from before portwatch looked, \
             the oldest that was seen to open 41 min"
        );
        assert_eq!(
            value("opened by").unwrap(),
            "haproxy[812] in haproxy.service: 12 live, oldest 41 min"
        );
        assert_eq!(value("failed").unwrap(), "37 connect (EADDRNOTAVAIL)");
    }
}
