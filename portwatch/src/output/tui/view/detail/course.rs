//! The history as graphs.

use jiff::{SignedDuration, Timestamp};

use super::{LABEL, Look};
use crate::output::{
    explain::rows::age,
    tui::view::{
        number::percent,
        place::Pieces,
        spark::spark,
        text::{Side, fit},
        theme::Tone,
    },
};

/// Longest time that they show.
const SPAN: SignedDuration = SignedDuration::from_mins(5);
/// Shortest time that one character stands for: nothing is counted more often by default.
const STEP: SignedDuration = SignedDuration::from_secs(1);
/// Room for what stands behind a graph.
const BEHIND: usize = 18;

/// Utilisation and failures, oldest first.
pub fn lines(look: &Look<'_>) -> Vec<Pieces> {
    let Some((times, step)) = times(look) else {
        return Vec::new();
    };
    let course = look.story.course();
    let full = |time: &Timestamp| {
        let point = course.at(*time)?;
        Some(f64::from(point.used) / f64::from(point.capacity.max(1)))
    };
    let used: Vec<f64> = times.iter().map(|time| full(time).unwrap_or(0.0)).collect();
    let window = step.max(STEP + STEP);
    let failed = |time: &Timestamp| {
        let now = course.at(*time)?.exhausted;
        let then = time.checked_sub(window).ok();
        let then = then.and_then(|then| course.at(then));
        let before = then.or_else(|| course.points().next())?.exhausted;
        Some(now.saturating_sub(before) as f64 / window.as_secs_f64())
    };
    let failed: Vec<f64> = times
        .iter()
        .map(|time| failed(time).unwrap_or(0.0))
        .collect();
    let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    let shown = step * i32::try_from(times.len()).unwrap_or(i32::MAX);
    let shown = age(shown.unsigned_abs());
    let behind = format!(" peak {}", percent(most(&used)));
    let label = |text: &str| (fit(text, LABEL, Side::Left, look.theme), Tone::Dim);
    let mut lines = vec![vec![
        label(&format!("used {shown}")),
        (spark(&used, 1.0, look.theme), Tone::Plain),
        (behind, Tone::Plain),
    ]];
    if most(&failed) > 0.0 {
        lines.push(vec![
            label("failed"),
            (spark(&failed, most(&failed), look.theme), Tone::Alarm),
            (format!(" peak {:.1}/s", most(&failed)), Tone::Plain),
        ]);
    }
    lines
}

/// The times to look at, and how far they are apart; none before there is a history.
fn times(look: &Look<'_>) -> Option<(Vec<Timestamp>, SignedDuration)> {
    let course = look.story.course();
    let (first, last) = (course.points().next()?.time, course.last()?.time);
    let room = look.width.saturating_sub(LABEL + BEHIND).max(1);
    let span = last.duration_since(first).min(SPAN);
    let room = i32::try_from(room).ok()?;
    let step = (span / room).max(STEP);
    let count = (span.as_secs_f64() / step.as_secs_f64()).floor() as i32;
    let times = (0..=count.min(room - 1)).rev();
    let times = times.filter_map(|back| last.checked_sub(step * back).ok());
    Some((times.collect(), step))
}
