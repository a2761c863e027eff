use ratatui::{buffer::Buffer, layout::Rect, style::Modifier};

use super::{
    Theme,
    cell::Source,
    columns::{Field, GROUPS, TUPLES, fit},
    place::{self, Pieces},
    text::{self, width},
    theme::Tone,
};
use crate::output::tui::state::{App, GroupBy};

/// The titles, and as many rows as there is room for.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App, theme: &Theme) {
    let sources: Vec<Source<'_>> = app
        .visible()
        .map(|(selected, row)| Source {
            row,
            selected,
            chronicle: app.shown(),
        })
        .collect();
    let grouped = app.group != GroupBy::None && app.within.is_none();
    let fields: &[Field] = if grouped { &GROUPS } else { &TUPLES };
    let wants: Vec<usize> = fields
        .iter()
        .map(|field| {
            let cells = sources.iter().map(|source| source.cell(*field, 0, theme));
            cells.map(|(text, _)| width(&text)).max().unwrap_or(0)
        })
        .collect();
    let columns = fit(area.width.into(), fields, &wants);
    place::line(buffer, area, &titles(&columns, app, theme), theme);
    if sources.is_empty() {
        let line = place::row(area, 1);
        place::line(buffer, line, &[(nothing(app), Tone::Dim)], theme);
    }
    for (index, source) in sources.iter().enumerate() {
        let line = place::row(area, index + 1);
        place::line(buffer, line, &cells(source, &columns, theme), theme);
        if source.selected {
            buffer.set_style(line, Modifier::REVERSED);
        }
    }
}

/// Why there is no row.
fn nothing(app: &App) -> String {
    let all = app.shown().stories().len();
    match all {
        0 if app.shown().started().is_none() => "  starting...".to_owned(),
        0 => "  no outgoing TCP connections".to_owned(),
        _ => format!("  none of {all} tuples passes the filter"),
    }
}

fn titles(columns: &[(Field, usize)], app: &App, theme: &Theme) -> Pieces {
    let down = theme.glyph("▼", "v");
    let up = theme.glyph("▲", "^");
    let arrow = if app.reverse { up } else { down };
    let mut pieces = Pieces::new();
    for (field, width) in columns {
        let shape = field.shape();
        let mut title = match field {
            Field::Group => app.group.name().to_uppercase(),
            _ => shape.title.to_owned(),
        };
        let by_this = match (field, app.column) {
            (Field::Group | Field::Tuples, _) => false,
            _ => shape.sort == Some(app.column),
        };
        if by_this {
            title += arrow;
        }
        pieces.push((text::fit(&title, *width, shape.side, theme), Tone::Strong));
        pieces.push((" ".to_owned(), Tone::Plain));
    }
    pieces
}

fn cells(source: &Source<'_>, columns: &[(Field, usize)], theme: &Theme) -> Pieces {
    let mut pieces = Pieces::new();
    for (field, width) in columns {
        let (text, tone) = source.cell(*field, *width, theme);
        let side = field.shape().side;
        let text = match field {
            // The port says more than the start of an address.
            Field::Peer => text::cut_start(&text, *width, theme),
            _ => text,
        };
        pieces.push((text::fit(&text, *width, side, theme), tone));
        pieces.push((" ".to_owned(), Tone::Plain));
    }
    pieces
}
