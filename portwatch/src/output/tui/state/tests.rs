use super::{Action, App, Column, GroupBy, Key, Page, Playback, Severity, Subject, Why};
use crate::output::tui::testing::{app, at, items, report, setup, worst};

fn press(app: &mut App, keys: &str) {
    for key in keys.chars() {
        assert_eq!(app.handle(Key::Char(key)), Action::Show, "{key}");
    }
    app.refresh(10);
}

/// Peer ports of the rows, or names of groups.
fn rows(app: &App) -> Vec<String> {
    let name = |subject: &Subject| match subject {
        Subject::Tuple(tuple) => tuple.peer_port.to_string(),
        Subject::Group(group) => group.clone(),
    };
    app.rows().iter().map(|row| name(&row.subject)).collect()
}

#[test]
fn the_worst_comes_first_and_failing_is_worst() {
    assert_eq!(rows(&app(10)), ["8002", "5432", "8001", "443"]);
    let app = app(60);
    assert_eq!(rows(&app), ["8001", "8002", "5432", "443"]);
    let severities: Vec<Severity> = app.rows().iter().map(|row| row.figures.severity).collect();
    use Severity::{Critical, Failing, Ok, Warning};
    assert_eq!(severities, [Failing, Critical, Warning, Ok]);
    let figures = app.rows()[0].figures;
    assert_eq!((figures.used, figures.failures), (500, 210));
    assert!((figures.failing - 21.0).abs() < 1e-9);
}

#[test]
fn keys_sort_by_any_column() {
    let mut app = app(60);
    for (column, first) in [
        (Column::Netns, "5432"),
        (Column::Local, "5432"),
        (Column::Peer, "5432"),
        (Column::Used, "8001"),
        (Column::Utilisation, "8001"),
        (Column::Live, "8001"),
        (Column::TimeWait, "5432"),
        (Column::Blocked, "8001"),
        (Column::Rate, "8002"),
        (Column::Left, "8002"),
        (Column::Failing, "8001"),
        (Column::Failures, "8001"),
        (Column::Owner, "8002"),
        (Column::Worst, "8001"),
    ] {
        press(&mut app, "s");
        assert_eq!(app.column, column);
        assert_eq!(rows(&app)[0], first, "{column:?}");
        assert_eq!(Column::named(column.name()), Some(column));
    }
    press(&mut app, "<");
    assert_eq!(app.column, Column::Owner);
    press(&mut app, ">r");
    assert_eq!(rows(&app), ["443", "5432", "8002", "8001"]);
}

#[test]
fn the_filter_follows_what_is_typed() {
    let mut app = app(60);
    press(&mut app, "/shop");
    assert_eq!(rows(&app), ["5432", "443"]);
    // While it is typed, no letter is a command.
    press(&mut app, " q");
    assert_eq!(rows(&app), Vec::<String>::new());
    app.handle(Key::Backspace);
    app.handle(Key::Enter);
    press(&mut app, "");
    assert_eq!((rows(&app).len(), app.filter.editing), (2, false));
    app.handle(Key::Esc);
    press(&mut app, "/HAProxy failing");
    assert_eq!(rows(&app), ["8001"]);
    app.handle(Key::Esc);
    press(&mut app, "");
    assert_eq!((rows(&app).len(), app.filter.editing), (4, false));
    assert_eq!(
        app.worst().map(|row| &row.subject),
        Some(&Subject::Tuple(worst()))
    );
}

#[test]
fn groups_add_up_and_open() {
    let mut app = app(60);
    press(&mut app, "g");
    assert_eq!(app.group, GroupBy::Peer);
    assert_eq!(app.rows().len(), 4);
    press(&mut app, "gg");
    assert_eq!(app.group, GroupBy::Container);
    assert_eq!(rows(&app), ["-", "3f9a1c0d5e7b"]);
    press(&mut app, "g");
    assert_eq!(rows(&app), ["web1", "shop"]);
    let figures = app.rows()[0].figures;
    assert_eq!(
        (figures.tuples, figures.used, figures.failures),
        (2, 912, 210)
    );
    assert!((figures.utilisation - 1.0).abs() < 1e-9);
    press(&mut app, "j");
    app.handle(Key::Enter);
    press(&mut app, "");
    assert_eq!(rows(&app), ["5432", "443"]);
    app.handle(Key::Esc);
    press(&mut app, "");
    assert_eq!(rows(&app), ["web1", "shop"]);
    press(&mut app, "g");
    assert_eq!(app.group, GroupBy::None);
}

#[test]
fn a_pause_stops_the_display_and_nothing_else() {
    let mut app = app(49);
    press(&mut app, "p");
    items(60).iter().skip(50).for_each(|item| app.take(item));
    press(&mut app, "");
    assert_eq!(app.rows()[0].figures.failures, 0);
    assert_eq!(app.chronicle().failures().connect, Some(210));
    press(&mut app, "/shop");
    assert_eq!(rows(&app), ["5432", "443"], "it can be looked around in");
    app.handle(Key::Esc);
    press(&mut app, " ");
    assert_eq!(app.rows()[0].figures.failures, 210);
}

#[test]
fn the_first_failure_freezes_it() {
    let mut app = App::new(setup());
    press(&mut app, "f");
    items(60).iter().for_each(|item| app.take(item));
    press(&mut app, "");
    let still = app.hold.still().unwrap();
    assert_eq!((still.why, still.at), (Why::Frozen, Some(at(50))));
    assert_eq!(app.rows()[0].figures.failures, 1);
    assert_eq!(app.rows()[0].figures.used, 500);
    assert_eq!(app.rows()[0].figures.severity, Severity::Failing);
    // What somebody asks for now is shown all the same.
    app.take(&report());
    assert!(app.shown().story(&worst()).unwrap().report().is_some());
    press(&mut app, "f");
    assert!(!app.is_still() && !app.hold.armed);
    assert_eq!(app.rows()[0].figures.failures, 210);
}

#[test]
fn the_selection_stays_on_its_tuple() {
    let mut app = app(10);
    assert_eq!(rows(&app), ["8002", "5432", "8001", "443"]);
    press(&mut app, "jj");
    items(60).iter().skip(11).for_each(|item| app.take(item));
    press(&mut app, "");
    assert_eq!((app.cursor.index(), rows(&app)[0].as_str()), (0, "8001"));
    // Left at the top, it stays at the top.
    press(&mut app, "G");
    assert_eq!(app.cursor.index(), 3);
    app.handle(Key::Home);
    press(&mut app, "r");
    assert_eq!(app.cursor.index(), 0);
    app.handle(Key::PageDown);
    assert_eq!(app.cursor.index(), 3);
    app.refresh(2);
    assert_eq!(
        app.visible()
            .map(|(selected, _)| selected)
            .collect::<Vec<_>>(),
        [false, true]
    );
}

#[test]
fn a_tuple_opens_and_closes() {
    let mut app = app(60);
    assert_eq!(app.handle(Key::Enter), Action::Look(worst()));
    assert_eq!(app.detail(), Some(&worst()));
    assert_eq!(app.handle(Key::Char('r')), Action::Look(worst()));
    app.handle(Key::End);
    let scrolled = |app: &App| matches!(app.page, Page::Detail { scroll, .. } if scroll > 0);
    assert!(scrolled(&app));
    app.handle(Key::Home);
    assert!(!scrolled(&app));
    app.handle(Key::Esc);
    assert_eq!(app.detail(), None);
    assert_eq!(app.handle(Key::Char('q')), Action::Quit);
}

#[test]
fn keys_that_belong_to_no_page() {
    let mut app = app(60);
    press(&mut app, "h");
    assert!(app.help);
    assert_eq!(app.handle(Key::Char('q')), Action::Show, "leaves the help");
    assert!(!app.help);
    assert_eq!(app.handle(Key::Ctrl('l')), Action::Redraw);
    assert_eq!(app.handle(Key::Ctrl('z')), Action::Suspend);
    press(&mut app, "/x");
    assert_eq!(app.handle(Key::Ctrl('c')), Action::Quit);
}

#[test]
fn a_recording_has_keys_of_its_own() {
    let mut app = app(60);
    assert_eq!(app.handle(Key::Char('+')), Action::Show);
    app.playing(Playback {
        at: at(60),
        end: at(90),
        speed: 2.0,
        paused: false,
    });
    assert_eq!(app.handle(Key::Char('+')), Action::Speed(true));
    assert_eq!(app.handle(Key::Char('-')), Action::Speed(false));
    assert_eq!(app.handle(Key::Char(' ')), Action::PlayPause);
    assert_eq!(app.handle(Key::Left), Action::Seek(-10));
    app.restart();
    app.refresh(10);
    assert!(app.rows().is_empty());
}

#[test]
fn nothing_is_no_problem() {
    let mut app = App::new(setup());
    app.refresh(0);
    for key in [
        Key::Down,
        Key::End,
        Key::PageUp,
        Key::Enter,
        Key::Esc,
        Key::F(6),
    ] {
        assert_eq!(app.handle(key), Action::Show);
        app.refresh(0);
    }
}
