use std::ffi::OsStr;

use anstyle::{AnsiColor, Style};

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Whether to use colour, given whether the output is a terminal and what the environment variable
/// `NO_COLOR` holds (<https://no-color.org>: any value but the empty one turns colour off).
#[must_use]
pub fn use_color(choice: ColorChoice, is_terminal: bool, no_color: Option<&OsStr>) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => is_terminal && no_color.is_none_or(OsStr::is_empty),
    }
}

/// Needs action now.
pub(super) const ALARM: Style = AnsiColor::Red.on_default().bold();
/// Needs attention.
pub(super) const CAUTION: Style = AnsiColor::Yellow.on_default().bold();
/// Is well again.
pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Is told for the record.
pub(super) const NOTE: Style = AnsiColor::Cyan.on_default();

/// The text, padded to `width` and in colour if asked for.
pub(super) fn paint(text: &str, width: usize, style: Style, color: bool) -> String {
    if color {
        format!("{style}{text:<width$}{style:#}")
    } else {
        format!("{text:<width$}")
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::{ALARM, ColorChoice, paint, use_color};

    #[test]
    fn colour_is_for_terminals_unless_told_otherwise() {
        let set = Some(OsStr::new("1"));
        let empty = Some(OsStr::new(""));
        assert!(use_color(ColorChoice::Auto, true, None));
        assert!(use_color(ColorChoice::Auto, true, empty));
        assert!(!use_color(ColorChoice::Auto, true, set));
        assert!(!use_color(ColorChoice::Auto, false, None));
        assert!(use_color(ColorChoice::Always, false, set));
        assert!(!use_color(ColorChoice::Never, true, None));
    }

    #[test]
    fn padding_does_not_depend_on_colour() {
        assert_eq!(paint("LOST", 6, ALARM, false), "LOST  ");
        assert_eq!(
            paint("LOST", 6, ALARM, true),
            "\u{1b}[1m\u{1b}[31mLOST  \u{1b}[0m"
        );
    }
}
