use std::fmt::{self, Write as _};

/// Shows text that others chose (command names, namespace names, paths) so that it can't act on a
/// terminal: control characters, and those that reorder text, appear as `\n` or `\u{1b}`, a
/// backslash doubled.
#[must_use]
pub fn escape(text: impl fmt::Display) -> String {
    let mut escaped = Escaper(String::new());
    // A String takes everything.
    let _ = write!(escaped, "{text}");
    escaped.0
}

struct Escaper(String);

impl fmt::Write for Escaper {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if c == '\\' || c.is_control() || is_invisible(c) {
                self.0.extend(c.escape_default());
            } else {
                self.0.push(c);
            }
        }
        Ok(())
    }
}

/// Marks that change the direction of text, separate lines or take no room.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn plain_text_stays() {
        assert_eq!(
            escape("haproxy: worker 1/2 äöü 漢"),
            "haproxy: worker 1/2 äöü 漢"
        );
    }

    #[test]
    fn what_acts_on_a_terminal_is_shown() {
        assert_eq!(escape("\x1b[2Jx\r\n\t"), "\\u{1b}[2Jx\\r\\n\\t");
        assert_eq!(escape("\u{9b}31m\u{7f}"), "\\u{9b}31m\\u{7f}");
        assert_eq!(escape("a\u{202e}b\u{2028}"), "a\\u{202e}b\\u{2028}");
        assert_eq!(escape("\\n"), "\\\\n");
    }
}
