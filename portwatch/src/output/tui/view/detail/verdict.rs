//! What a close look concluded, and what to do.

use super::Look;
use crate::output::{
    escape,
    tui::view::{number::clock, place::Pieces, theme::Tone},
};

/// The verdict and the advice, best first; or that there is none yet.
pub fn lines(look: &Look<'_>) -> Vec<Pieces> {
    let Some(report) = look.story.report() else {
        return look.labelled("verdict", "not looked at closely yet", Tone::Dim);
    };
    let explanation = &report.explanation;
    let culprit = match explanation.culprit {
        Some(culprit) => culprit.name().replace('-', " "),
        None => "no culprit found".to_owned(),
    };
    let at = clock(report.time, &look.app.zone);
    let text = format!(
        "{culprit}: {} (looked at {at})",
        escape(&explanation.reason)
    );
    let mut lines = look.labelled("verdict", &text, Tone::Strong);
    for (number, advice) in explanation.advice.iter().enumerate() {
        let label = if number == 0 { "advice" } else { "" };
        let title = format!("{}. {}", number + 1, escape(&advice.title));
        lines.extend(look.labelled(label, &title, Tone::Strong));
        if let Some(command) = &advice.command {
            lines.extend(look.labelled("", &escape(command), Tone::Note));
        }
        lines.extend(look.labelled("", &escape(&advice.effect), Tone::Plain));
    }
    lines
}
