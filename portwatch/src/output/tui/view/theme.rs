use ratatui::style::{Color, Modifier, Style};

/// How the screen looks.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// Whether to use colour. Without, weight and marks say the same.
    pub color: bool,
    /// Whether the terminal shows more than ASCII.
    pub unicode: bool,
}

/// What a piece of text is to the reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Text.
    #[default]
    Plain,
    /// What explains other text.
    Dim,
    /// Titles, and what must not be overlooked.
    Strong,
    /// Needs action now.
    Alarm,
    /// Needs attention.
    Caution,
    /// Is well again.
    Good,
    /// Is told for the record.
    Note,
    /// A state of the display that the reader must know of.
    Badge,
}

impl Theme {
    /// The terminal's way to show it: the sixteen colours that every one has, in shades of its
    /// owner's choice.
    #[must_use]
    pub(super) fn style(self, tone: Tone) -> Style {
        let style = Style::new();
        let tinted = |color, modifier| {
            let style = style.add_modifier(modifier);
            if self.color { style.fg(color) } else { style }
        };
        match tone {
            Tone::Plain => style,
            Tone::Dim => style.add_modifier(Modifier::DIM),
            Tone::Strong => style.add_modifier(Modifier::BOLD),
            Tone::Alarm => tinted(Color::Red, Modifier::BOLD),
            Tone::Caution => tinted(Color::Yellow, Modifier::BOLD),
            Tone::Good => tinted(Color::Green, Modifier::BOLD),
            Tone::Note => tinted(Color::Cyan, Modifier::empty()),
            Tone::Badge => tinted(Color::Yellow, Modifier::BOLD | Modifier::REVERSED),
        }
    }

    /// The one that the terminal can show.
    pub(super) const fn glyph<T: Copy>(self, unicode: T, ascii: T) -> T {
        if self.unicode { unicode } else { ascii }
    }
}
