use super::Theme;

/// A bar of `width` characters: live connections, TIME_WAIT in the way, and what is left. Shares are
/// of the capacity, `waiting` is a part of `busy`. Only what is full looks full, and only what is
/// empty looks empty.
pub fn bar(busy: f64, waiting: f64, width: usize, theme: &Theme) -> String {
    let cells = |share: f64| (share.clamp(0.0, 1.0) * width as f64).floor() as usize;
    let mut filled = cells(busy);
    if busy > 0.0 && filled == 0 {
        filled = width.min(1);
    }
    let waits = cells(waiting).min(filled);
    let glyphs = theme.glyph(["█", "▒", "░"], ["#", "=", "."]);
    let [live, time_wait, free] = glyphs;
    live.repeat(filled - waits) + &time_wait.repeat(waits) + &free.repeat(width - filled)
}

#[cfg(test)]
mod tests {
    use super::{Theme, bar};

    #[test]
    fn full_is_only_what_is_full() {
        let ascii = Theme {
            color: false,
            unicode: false,
        };
        let bar = |busy, waiting| bar(busy, waiting, 10, &ascii);
        assert_eq!(bar(0.0, 0.0), "..........");
        assert_eq!(bar(0.001, 0.0), "#.........");
        assert_eq!(bar(0.5, 0.2), "###==.....");
        assert_eq!(bar(0.999, 0.0), "#########.");
        assert_eq!(bar(1.0, 1.0), "==========");
        assert_eq!(bar(7.0, 0.0), "##########");
        assert_eq!(bar(f64::NAN, f64::NAN), "..........");
    }
}
