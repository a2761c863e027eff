//! Pictures of what is drawn, in `pictures/`. `PORTWATCH_PICTURES=write` writes them anew.

use std::path::Path;

use proptest::prelude::*;
use ratatui::{Terminal, backend::TestBackend, buffer::Buffer, style::Modifier};

use super::{Theme, draw};
use crate::{
    output::tui::{
        state::{Action, App, Key, Playback},
        testing::{app, at, items, report, setup},
    },
    recording::fixture::session,
};

const UNICODE: Theme = Theme {
    color: false,
    unicode: true,
};
const ASCII: Theme = Theme {
    color: false,
    unicode: false,
};

fn buffer(app: &mut App, size: (u16, u16), theme: &Theme) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    terminal.draw(|frame| draw(frame, app, theme)).unwrap();
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let lines = buffer.content.chunks(width);
    let mut text = String::new();
    for line in lines {
        let line: String = line.iter().map(|cell| cell.symbol()).collect();
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// Compares with a picture, which is part of the program: tests run where there are no sources, too.
/// A new one has to be there as an empty file first.
macro_rules! pictured {
    ($name:literal, $app:expr, $size:expr, $theme:expr) => {
        compare(
            $name,
            include_str!(concat!("pictures/", $name, ".txt")),
            &text(&buffer($app, $size, $theme)),
        )
    };
}

fn compare(name: &str, expected: &str, drawn: &str) {
    if std::env::var_os("PORTWATCH_PICTURES").is_some_and(|value| value == "write") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/output/tui/view/pictures");
        std::fs::write(path.join(format!("{name}.txt")), drawn).unwrap();
        return;
    }
    assert_eq!(drawn, expected, "{name}:\n{drawn}");
}

fn press(app: &mut App, keys: &str) {
    for key in keys.chars() {
        assert_eq!(app.handle(Key::Char(key)), Action::Show, "{key}");
    }
}

#[test]
fn the_table() {
    let mut app = app(60);
    pictured!("table-80x24", &mut app, (80, 24), &UNICODE);
    pictured!("table-200x60", &mut app, (200, 60), &UNICODE);
    pictured!("table-ascii-80x24", &mut app, (80, 24), &ASCII);
}

#[test]
fn a_table_with_something_to_tell() {
    let mut frozen = App::new(setup());
    press(&mut frozen, "f");
    items(60).iter().for_each(|item| frozen.take(item));
    pictured!("frozen-80x24", &mut frozen, (80, 24), &UNICODE);
    let mut filtered = app(60);
    press(&mut filtered, "/shop 54");
    pictured!("filter-80x24", &mut filtered, (80, 24), &UNICODE);
    filtered.handle(Key::Enter);
    press(&mut filtered, "ssssr");
    pictured!("filtered-80x24", &mut filtered, (80, 24), &UNICODE);
}

#[test]
fn groups() {
    let mut app = app(60);
    press(&mut app, "gggg");
    pictured!("groups-80x24", &mut app, (80, 24), &UNICODE);
}

#[test]
fn a_tuple() {
    let mut app = app(60);
    app.handle(Key::Enter);
    pictured!("detail-80x24", &mut app, (80, 24), &UNICODE);
    app.take(&report());
    pictured!("detail-report-80x24", &mut app, (80, 24), &ASCII);
    app.handle(Key::End);
    pictured!("detail-end-80x24", &mut app, (80, 24), &UNICODE);
    app.handle(Key::Home);
    pictured!("detail-report-200x60", &mut app, (200, 60), &UNICODE);
}

#[test]
fn help_and_a_recording() {
    let mut app = app(60);
    app.playing(Playback {
        at: at(60),
        end: at(90),
        speed: 2.0,
        paused: false,
    });
    pictured!("replay-80x24", &mut app, (80, 24), &UNICODE);
    press(&mut app, "h");
    pictured!("help-80x24", &mut app, (80, 24), &UNICODE);
}

#[test]
fn severity_shows_without_colour_and_names_cannot_act() {
    let mut app = app(60);
    let screen = buffer(&mut app, (200, 60), &ASCII);
    let drawn = text(&screen);
    let rows: Vec<&str> = drawn.lines().skip(4).take(4).collect();
    for (row, mark) in rows.iter().zip([">X", " !", " *", "  "]) {
        assert!(row.starts_with(mark), "{row}");
    }
    assert!(drawn.contains("php-fpm\\u{1b}[2J") && !drawn.contains('\u{1b}'));
    let cell = &screen[(1, 5)];
    assert!(cell.modifier.contains(Modifier::BOLD));
    assert!(drawn.is_ascii());
    let colored = buffer(
        &mut app,
        (80, 24),
        &Theme {
            color: true,
            ..ASCII
        },
    );
    let plain = buffer(&mut app, (80, 24), &ASCII);
    let fg = |buffer: &Buffer| {
        buffer
            .content
            .iter()
            .any(|cell| cell.fg != ratatui::style::Color::Reset)
    };
    assert!(fg(&colored) && !fg(&plain));
}

#[test]
fn every_size_can_be_drawn() {
    for keys in ["", "g", "h", "\n", "/abc", "p"] {
        let mut app = app(60);
        app.take(&report());
        for key in keys.chars() {
            app.handle(if key == '\n' {
                Key::Enter
            } else {
                Key::Char(key)
            });
        }
        for width in (0..100).chain([200, 500]) {
            for height in [0, 1, 2, 5, 6, 7, 24] {
                buffer(&mut app, (width, height), &UNICODE);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A recording may be made up: its numbers need not fit each other, and its text is no command
    /// to a terminal.
    #[test]
    fn whatever_was_recorded_is_drawn(items in session(), keys in "[a-zA-Z/ ]{0,6}") {
        let mut app = App::new(setup());
        items.iter().for_each(|item| app.take(item));
        let drawn = |app: &mut App| text(&buffer(app, (120, 40), &UNICODE));
        let mut screens = vec![drawn(&mut app)];
        app.handle(Key::Enter);
        screens.push(drawn(&mut app));
        for key in keys.chars() {
            app.handle(Key::Char(key));
            screens.push(drawn(&mut app));
        }
        for screen in screens {
            let command = screen.chars().find(|c| c.is_control() && *c != '\n');
            prop_assert_eq!(command, None);
        }
    }
}
