//! Putting text on the screen.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::{Theme, theme::Tone};

/// A line of text in pieces.
pub type Pieces = Vec<(String, Tone)>;

/// Puts a line at the top of an area.
pub fn line(buffer: &mut Buffer, area: Rect, pieces: &[(String, Tone)], theme: &Theme) {
    if area.is_empty() {
        return;
    }
    let spans = pieces
        .iter()
        .map(|(text, tone)| Span::styled(text.as_str(), theme.style(*tone)));
    let line = Line::from_iter(spans);
    buffer.set_line(area.x, area.y, &line, area.width);
}

/// The part of an area that is its `index`th line; empty beyond its end.
pub fn row(area: Rect, index: usize) -> Rect {
    match u16::try_from(index) {
        Ok(index) if index < area.height => Rect {
            y: area.y + index,
            height: 1,
            ..area
        },
        _ => Rect { height: 0, ..area },
    }
}
