//! How full the tuple is, where it is heading, and what failed.

use super::Look;
use crate::{
    model::{Failures, Namespace},
    output::{
        escape,
        text::phrase,
        tui::{
            state::Severity,
            view::{
                cell::{owner, tone},
                number::{clock, count, rate, thousands},
                place::Pieces,
                theme::Tone,
            },
        },
    },
};

/// Which tuple, and how bad it is.
pub fn title(look: &Look<'_>) -> Pieces {
    let tuple = look.story.tuple();
    let word = match look.figures.severity {
        Severity::Ok => "ok",
        Severity::Warning => "WARNING",
        Severity::Critical => "CRITICAL",
        Severity::Failing => "FAILING",
    };
    let name = format!("{}  {}  ", escape(&tuple.netns), escape(tuple));
    vec![
        (name, Tone::Strong),
        (word.to_owned(), tone(look.figures.severity)),
    ]
}

/// The numbers.
pub fn lines(look: &Look<'_>) -> Vec<Pieces> {
    let mut lines = Vec::new();
    lines.extend(look.labelled("ports", &ports(look), Tone::Plain));
    lines.extend(look.labelled("trend", &trend(look), Tone::Plain));
    let failed = look.figures.failures > 0;
    let tone = if failed { Tone::Alarm } else { Tone::Plain };
    lines.extend(look.labelled("failures", &failures(look), tone));
    let slowest = look.story.sample().and_then(|sample| sample.slowest_search);
    if let Some(slowest) = slowest {
        let text = format!("slowest {}", phrase::search(slowest));
        lines.extend(look.labelled("search", &text, Tone::Plain));
    }
    lines.extend(look.labelled("owner", &owner(look.story), Tone::Strong));
    lines
}

fn ports(look: &Look<'_>) -> String {
    let Some(sample) = look.story.sample() else {
        return "not counted: no port was searched".to_owned();
    };
    let usage = &sample.usage;
    let report = look.story.report();
    let headroom = report.map_or_else(|| usage.headroom(), |report| report.room.headroom);
    let mut parts = vec![format!(
        "{}; {headroom} more possible; {} live, {} in TIME_WAIT",
        phrase::usage(usage),
        look.figures.live(),
        usage.time_wait,
    )];
    if let Some(blocked) = report
        .map(|report| report.room.blocked)
        .or(look.figures.blocked)
    {
        parts.push(format!("{blocked} blocked"));
    }
    let namespace = look.chronicle.namespace(&look.story.tuple().netns);
    parts.extend(namespace.map(range));
    if sample.untracked > 0 {
        parts.push(format!(
            "{} not tracked",
            count(sample.untracked.into(), "socket")
        ));
    }
    parts.join(", ")
}

fn range(namespace: &Namespace) -> String {
    let range = format!("range {}-{}", namespace.range.low, namespace.range.high);
    match namespace.reserved {
        0 => range,
        reserved => format!("{range}, {reserved} reserved"),
    }
}

fn trend(look: &Look<'_>) -> String {
    let mut parts = Vec::new();
    if let Some(sample) = look.story.sample() {
        if let Some(net) = sample.forecast.rate {
            parts.push(format!("ports {}", phrase::per_second(net)));
        }
        let left = sample.forecast.seconds_to_exhaustion;
        if let Some(left) = left.and_then(phrase::until) {
            parts.push(format!("exhausted in {left}"));
        }
    }
    if let Some(trend) = look.story.trend() {
        parts.push(format!(
            "{} connections opened a second, live {}/s",
            rate(Some(trend.opened)).trim_start_matches('+'),
            rate(Some(trend.growth))
        ));
    }
    if parts.is_empty() {
        return "not known yet".to_owned();
    }
    parts.join(", ")
}

fn failures(look: &Look<'_>) -> String {
    let story = look.story;
    let Failures {
        connect,
        bind,
        udp,
        conflict,
        no_source_address,
    } = story.failures();
    let zone = &look.app.zone;
    let mut text = format!("{} exhausted", thousands(connect.unwrap_or(0)));
    if look.figures.failing > 0.0 {
        text += &format!(" ({:.1}/s)", look.figures.failing);
    }
    if let Some(since) = story.failing_since() {
        text += &format!(" since {}", clock(since, zone));
    }
    text += &format!(", {} conflict", thousands(conflict.unwrap_or(0)));
    let others = [
        (no_source_address, "no source address"),
        (bind, "bind in this namespace"),
        (udp, "UDP in this namespace"),
    ];
    for (number, what) in others {
        if let Some(number) = number.filter(|number| *number > 0) {
            text += &format!(", {} {what}", thousands(number));
        }
    }
    text + &format!("; watched since {}", clock(story.watched_since(), zone))
}
