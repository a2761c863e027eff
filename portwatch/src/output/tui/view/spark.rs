use super::Theme;

/// A graph of one line: each value as a share of `most`. What is above zero never looks like it.
pub fn spark(values: &[f64], most: f64, theme: &Theme) -> String {
    let steps = theme.glyph(
        [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
        [' ', '.', ',', '-', '=', '+', '*', '%', '#'],
    );
    let highest = steps.len() - 1;
    let step = |value: &f64| {
        if *value <= 0.0 || most <= 0.0 || value.is_nan() {
            return steps[0];
        }
        let share = (value / most).clamp(0.0, 1.0);
        steps[((share * highest as f64).floor() as usize).clamp(1, highest)]
    };
    values.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::{Theme, spark};

    #[test]
    fn graphs_have_eight_steps() {
        let theme = |unicode| Theme {
            color: false,
            unicode,
        };
        let values = [0.0, 0.01, 0.5, 0.99, 1.0, 2.0, f64::NAN];
        assert_eq!(spark(&values, 1.0, &theme(true)), " ▁▄▇██ ");
        assert_eq!(spark(&values, 1.0, &theme(false)), " .=%## ");
        assert_eq!(spark(&values, 0.0, &theme(true)), "       ");
    }
}
