//! What holds for all tuples: host, hook set, failures, the worst tuple.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    Theme,
    cell::{mark, owner, peer, ports, tone},
    number::{clock, count, left, percent, rate, thousands},
    place::{self, Pieces},
    text::{cut, width},
    theme::Tone,
};
use crate::{
    model::Chronicle,
    output::{
        escape,
        tui::state::{App, Figures, Playback, Severity, Subject, Why},
    },
};

/// Lines that it takes.
pub fn height(app: &App) -> u16 {
    if app.shown().degraded().is_some() {
        4
    } else {
        3
    }
}

/// All lines.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App, theme: &Theme) {
    first(buffer, place::row(area, 0), app, theme);
    place::line(buffer, place::row(area, 1), &failures(app.shown()), theme);
    place::line(buffer, place::row(area, 2), &worst(app), theme);
    if let Some(reason) = app.shown().degraded() {
        let text = cut(&escape(reason), area.width.into(), theme);
        place::line(buffer, place::row(area, 3), &[(text, Tone::Caution)], theme);
    }
}

/// The host on the left; on the right the time, and whether the display stands still.
fn first(buffer: &mut Buffer, area: Rect, app: &App, theme: &Theme) {
    let mut right = state(app);
    if let Some(now) = app.shown().now() {
        right.push((format!(" {}", clock(now, &app.zone)), Tone::Plain));
    }
    let taken: usize = right.iter().map(|(text, _)| width(text)).sum();
    let room = usize::from(area.width).saturating_sub(taken + 1);
    let title = "portwatch top";
    let rest = host(app, room.saturating_sub(title.len()));
    let left = [(title.to_owned(), Tone::Strong), (rest, Tone::Plain)];
    place::line(buffer, area, &left, theme);
    let taken = u16::try_from(taken).unwrap_or(u16::MAX).min(area.width);
    let right_area = Rect {
        x: area.right() - taken,
        width: taken,
        ..area
    };
    place::line(buffer, right_area, &right, theme);
}

/// `  web-3, kernel 6.18.44, fentry hooks, 12 namespaces, 1,234 sockets`: as much as there is room
/// for.
fn host(app: &App, room: usize) -> String {
    let chronicle = app.shown();
    let mut facts: Vec<String> = app.host.iter().map(escape).collect();
    if let Some(started) = chronicle.started() {
        facts.push(format!("kernel {}", escape(&started.kernel)));
        facts.push(format!("{} hooks", started.hooks));
        facts.push(count(chronicle.tracer().sockets, "socket"));
        facts.push(count(started.namespaces.len() as u64, "namespace"));
    }
    let mut text = String::new();
    for fact in facts {
        let between = if text.is_empty() { "  " } else { ", " };
        if width(&text) + between.len() + width(&fact) > room {
            break;
        }
        text = text + between + &fact;
    }
    text
}

fn state(app: &App) -> Pieces {
    let mut pieces = Pieces::new();
    let mut badge = |text: String| {
        pieces.push((format!(" {text} "), Tone::Badge));
    };
    if let Some(still) = app.hold.still() {
        let at = still.at.map(|at| clock(at, &app.zone)).unwrap_or_default();
        let since = app.chronicle().failures().connect.unwrap_or(0);
        let since = since.saturating_sub(still.chronicle.failures().connect.unwrap_or(0));
        let since = match since {
            0 => String::new(),
            more => format!(", {} since", count(more, "failure")),
        };
        badge(match still.why {
            Why::Paused => format!("PAUSED {at}{since}"),
            Why::Frozen => format!("FROZEN at the first failure {at}{since}"),
        });
    } else if app.hold.armed {
        badge("freezes at the next failure".to_owned());
    }
    if let Some(playback) = &app.playback {
        badge(player(playback, app));
    }
    pieces
}

fn player(playback: &Playback, app: &App) -> String {
    let Playback {
        end, speed, paused, ..
    } = playback;
    let stands = if *paused { "stopped" } else { "playing" };
    format!("{stands} x{speed} to {}", clock(*end, &app.zone))
}

/// All failures by cause, and how the tracer itself does.
fn failures(chronicle: &Chronicle) -> Pieces {
    let failures = chronicle.failures();
    let tracer = chronicle.tracer();
    let mut pieces: Pieces = vec![(
        format!(
            "{}, failed: ",
            count(chronicle.stories().len() as u64, "tuple")
        ),
        Tone::Plain,
    )];
    let causes = [
        (failures.connect, "exhausted", Tone::Alarm),
        (failures.conflict, "conflict", Tone::Note),
        (failures.no_source_address, "no source", Tone::Note),
        (failures.bind, "bind", Tone::Alarm),
        (failures.udp, "UDP", Tone::Alarm),
    ];
    for (number, cause, tone) in causes {
        let number = number.unwrap_or(0);
        let tone = if number > 0 { tone } else { Tone::Plain };
        pieces.push((format!("{} {cause}  ", thousands(number)), tone));
    }
    let missed = tracer.recursion_misses.values();
    let missed = missed.copied().fold(0, u64::saturating_add);
    for (number, what) in [
        (tracer.lost_events, "event lost"),
        (tracer.corrections, "correction"),
        (missed, "skipped run"),
    ] {
        if number > 0 {
            pieces.push((format!("{} ", count(number, what)), Tone::Caution));
        }
    }
    pieces
}

/// The worst tuple of all, whatever is filtered and sorted.
fn worst(app: &App) -> Pieces {
    let Some(row) = app.worst() else {
        return Pieces::new();
    };
    let Subject::Tuple(tuple) = &row.subject else {
        return Pieces::new();
    };
    let figures = &row.figures;
    let mut pieces = vec![
        ("worst ".to_owned(), Tone::Plain),
        (
            format!("{} {}", ports(figures), percent(figures.utilisation)),
            tone(figures.severity),
        ),
        (
            format!("  {} {}  ", escape(&tuple.netns), peer(tuple)),
            Tone::Plain,
        ),
    ];
    let trend = trend(figures);
    if !trend.is_empty() {
        pieces.push((format!("{trend}  "), tone(figures.severity)));
    }
    if let Some(story) = app.shown().story(tuple) {
        pieces.push((owner(story), Tone::Plain));
    }
    if figures.severity > Severity::Ok {
        pieces.insert(
            1,
            (
                format!("{} ", mark(figures.severity)),
                tone(figures.severity),
            ),
        );
    }
    pieces
}

fn trend(figures: &Figures) -> String {
    if figures.severity == Severity::Failing {
        return "out of ports".to_owned();
    }
    match (figures.rate, figures.left) {
        (Some(_), Some(seconds)) => {
            format!("{}/s, full in {}", rate(figures.rate), left(Some(seconds)))
        }
        _ => String::new(),
    }
}
