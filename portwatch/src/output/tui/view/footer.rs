use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    Theme,
    number::count,
    place::{self, Pieces},
    text::width,
    theme::Tone,
};
use crate::output::{
    escape,
    tui::state::{App, Page},
};

/// Keys of the table, the most useful first.
const TABLE: [(&str, &str); 10] = [
    ("q", "quit"),
    ("Enter", "open"),
    ("/", "filter"),
    ("s", "sort"),
    ("g", "group"),
    ("p", "pause"),
    ("f", "freeze"),
    ("h", "help"),
    ("r", "reverse"),
    ("j k", "move"),
];

/// Keys of a tuple's page.
const DETAIL: [(&str, &str); 7] = [
    ("q", "quit"),
    ("Esc", "back"),
    ("r", "look again"),
    ("j k", "scroll"),
    ("p", "pause"),
    ("f", "freeze"),
    ("h", "help"),
];

/// Keys where a recording is played.
const REPLAY: [(&str, &str); 3] = [
    ("space", "stop/play"),
    ("+ -", "speed"),
    ("left right", "10 s"),
];

/// What is typed, or is to be told, or else the keys.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App, theme: &Theme) {
    place::line(buffer, area, &line(app, area.width.into()), theme);
}

fn line(app: &App, room: usize) -> Pieces {
    if app.filter.editing {
        return vec![
            ("filter: ".to_owned(), Tone::Strong),
            (escape(&app.filter.text), Tone::Plain),
            ("_".to_owned(), Tone::Strong),
            ("  Enter keeps it, Esc drops it".to_owned(), Tone::Dim),
        ];
    }
    if app.help {
        return vec![("any key goes back".to_owned(), Tone::Dim)];
    }
    if let Some(note) = &app.note {
        return vec![(escape(note), Tone::Caution)];
    }
    let mut pieces = Pieces::new();
    let mut keys: Vec<(&str, &str)> = match app.page {
        Page::Table => TABLE.to_vec(),
        Page::Detail { .. } => DETAIL.to_vec(),
    };
    if app.playback.is_some() {
        keys.splice(1..1, REPLAY);
    }
    if matches!(app.page, Page::Table) {
        pieces.extend(narrowed(app));
    }
    let mut taken: usize = pieces.iter().map(|(text, _)| width(text)).sum();
    for (key, what) in keys {
        taken += key.len() + what.len() + 1;
        if taken > room {
            break;
        }
        pieces.push((key.to_owned(), Tone::Strong));
        pieces.push((format!(" {what}  "), Tone::Plain));
        taken += 2;
    }
    pieces
}

/// What keeps rows from being shown.
fn narrowed(app: &App) -> Pieces {
    let mut pieces = Pieces::new();
    if let Some((by, group)) = &app.within {
        let text = format!("{} {}  ", by.name(), escape(group));
        pieces.push((text, Tone::Note));
    }
    if !app.filter.text.is_empty() {
        let rows = count(app.rows().len() as u64, "row");
        let text = format!("filter {}: {rows}  ", escape(&app.filter.text));
        pieces.push((text, Tone::Note));
    }
    if !pieces.is_empty() {
        pieces.push(("Esc".to_owned(), Tone::Strong));
        pieces.push((" all  ".to_owned(), Tone::Plain));
    }
    pieces
}
