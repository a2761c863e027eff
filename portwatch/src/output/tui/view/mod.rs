//! Drawing what the state says: a file each for a page or a part of one.

mod bar;
mod cell;
mod columns;
mod detail;
mod footer;
mod header;
mod help;
mod number;
mod place;
mod spark;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod theme;

use ratatui::{Frame, layout::Rect};

pub use theme::Theme;

use super::state::{App, Page};

/// Least screen on which anything can be told.
const LEAST: (u16, u16) = (20, 6);

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, app: &mut App, theme: &Theme) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let line = text::cut("too small", area.width.into(), theme);
        place::line(
            frame.buffer_mut(),
            area,
            &[(line, theme::Tone::Plain)],
            theme,
        );
        return;
    }
    let head = header::height(app);
    let top = Rect {
        height: head,
        ..area
    };
    let middle = Rect {
        y: area.y + head,
        height: area.height.saturating_sub(head + 1),
        ..area
    };
    let foot = Rect {
        y: area.bottom().saturating_sub(1),
        height: 1,
        ..area
    };
    // One line of the middle has the titles of the columns.
    app.refresh(middle.height.saturating_sub(1).into());
    let buffer = frame.buffer_mut();
    header::draw(buffer, top, app, theme);
    if app.help {
        help::draw(buffer, middle, app, theme);
    } else if matches!(app.page, Page::Detail { .. }) {
        detail::draw(buffer, middle, app, theme);
    } else {
        table::draw(buffer, middle, app, theme);
    }
    footer::draw(buffer, foot, app, theme);
}
