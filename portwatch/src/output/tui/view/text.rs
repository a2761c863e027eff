//! Text of a width: a name may take two columns a character, or none.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Theme;

/// Which side of its column a text stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Names.
    Left,
    /// Numbers.
    Right,
}

/// Columns that it takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Exactly so wide: cut, or filled with blanks.
pub fn fit(text: &str, width: usize, side: Side, theme: &Theme) -> String {
    let text = cut(text, width, theme);
    let blanks = " ".repeat(width.saturating_sub(self::width(&text)));
    match side {
        Side::Left => text + &blanks,
        Side::Right => blanks + &text,
    }
}

/// At most so wide; a mark stands for what is cut off at the end.
pub fn cut(text: &str, width: usize, theme: &Theme) -> String {
    if self::width(text) <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(1) else {
        return String::new();
    };
    let mut cut = String::new();
    let mut taken = 0;
    for c in text.chars() {
        taken += c.width().unwrap_or(0);
        if taken > room {
            break;
        }
        cut.push(c);
    }
    cut.push(mark(theme));
    cut
}

/// At most so wide; a mark stands for what is cut off at the start.
pub fn cut_start(text: &str, width: usize, theme: &Theme) -> String {
    if self::width(text) <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(1) else {
        return String::new();
    };
    let mut kept: Vec<char> = Vec::new();
    let mut taken = 0;
    for c in text.chars().rev() {
        taken += c.width().unwrap_or(0);
        if taken > room {
            break;
        }
        kept.push(c);
    }
    kept.push(mark(theme));
    kept.iter().rev().collect()
}

/// Lines of at most this width, broken at blanks where there are any.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && self::width(&line) + 1 + self::width(word) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if self::width(&line) + c.width().unwrap_or(0) > width && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}

fn mark(theme: &Theme) -> char {
    theme.glyph('…', '~')
}

#[cfg(test)]
mod tests {
    use super::{Side, Theme, cut, cut_start, fit, wrap};

    const THEME: Theme = Theme {
        color: false,
        unicode: false,
    };

    #[test]
    fn texts_are_cut_where_their_width_asks_for_it() {
        assert_eq!(cut("haproxy", 7, &THEME), "haproxy");
        assert_eq!(cut("haproxy", 6, &THEME), "hapro~");
        assert_eq!(cut("漢字漢字", 5, &THEME), "漢字~");
        assert_eq!(cut("漢字漢字", 4, &THEME), "漢~");
        assert_eq!(cut("x", 0, &THEME), "");
        assert_eq!(cut_start("10.0.0.1:443", 6, &THEME), "~1:443");
    }

    #[test]
    fn columns_have_one_width() {
        assert_eq!(fit("ab", 4, Side::Left, &THEME), "ab  ");
        assert_eq!(fit("12", 4, Side::Right, &THEME), "  12");
        assert_eq!(fit("漢字漢", 4, Side::Left, &THEME), "漢~ ");
    }

    #[test]
    fn lines_break_at_blanks_or_anywhere() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a longestword", 5), ["a", "longe", "stwor", "d"]);
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("ab", 0), ["a", "b"]);
    }
}
