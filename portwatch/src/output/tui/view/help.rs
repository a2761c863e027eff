use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    Theme, place,
    text::{Side, fit},
    theme::Tone,
};
use crate::output::tui::state::App;

/// Keys, and what they do.
const KEYS: [(&str, &str); 11] = [
    (
        "j k, arrows, PgUp PgDn",
        "move; Home, End or G: first, last",
    ),
    ("Enter, l", "open a tuple or a group; Esc goes back"),
    ("s >, S <, F6", "sort by the next or the previous column"),
    ("r", "reverse the order; on a tuple's page: look again"),
    ("/, F4", "filter as you type: words that a row must have"),
    ("g", "group by peer, process, container, netns; or not"),
    ("p, space", "stop the display, or go on; it keeps recording"),
    ("f", "stop the display at the next failure"),
    ("h, ?, F1", "this page"),
    ("Ctrl-L, Ctrl-Z", "draw everything anew; suspend"),
    ("q, F10, Ctrl-C", "quit"),
];

/// Keys where a recording is played.
const REPLAY: [(&str, &str); 3] = [
    ("p, space", "stop, or go on"),
    ("+ -", "faster, slower"),
    ("left right", "10 seconds back, or forward"),
];

/// What the columns mean.
const COLUMNS: [(&str, &str); 6] = [
    ("mark", "X failing  ! critical  * warning  > selected"),
    (
        "USED/CAP",
        "local ports taken, of those that the tuple can have",
    ),
    ("FULL", "live, then TIME_WAIT, then free"),
    (
        "LIVE TW BLK",
        "live, in TIME_WAIT; BLK: held by others through bind",
    ),
    (
        "NET/S TTE",
        "net growth, and the time until no port is left",
    ),
    (
        "FAIL/S FAILED",
        "connects without a port: a second, and in all",
    ),
];

/// Everything that can be done here.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App, theme: &Theme) {
    let replay: &[_] = if app.playback.is_some() { &REPLAY } else { &[] };
    let lines = KEYS.iter().chain(replay).chain(&COLUMNS);
    for (index, (key, what)) in lines.enumerate() {
        let line = [
            (fit(key, 24, Side::Left, theme), Tone::Strong),
            ((*what).to_owned(), Tone::Plain),
        ];
        place::line(buffer, place::row(area, index), &line, theme);
    }
}
