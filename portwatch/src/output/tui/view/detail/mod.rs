//! The page of one tuple.

mod course;
mod events;
mod facts;
mod verdict;
mod who;

use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    Theme,
    place::{self, Pieces},
    text::{Side, fit, wrap},
    theme::Tone,
};
use crate::{
    model::{Chronicle, Story},
    output::{
        escape,
        tui::state::{App, Figures, Page},
    },
};

/// Width of the column of labels.
const LABEL: usize = 11;

/// What a part of the page is made from.
struct Look<'a> {
    app: &'a App,
    chronicle: &'a Chronicle,
    story: &'a Story,
    figures: Figures,
    theme: &'a Theme,
    width: usize,
}

/// The lines of the page, and how far it is scrolled.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &mut App, theme: &Theme) {
    let lines = lines(app, area.width.into(), theme);
    let room = usize::from(area.height);
    let most = lines.len().saturating_sub(room);
    let Page::Detail { scroll, .. } = &mut app.page else {
        return;
    };
    *scroll = (*scroll).min(most);
    for (index, line) in lines.iter().skip(*scroll).take(room).enumerate() {
        place::line(buffer, place::row(area, index), line, theme);
    }
}

fn lines(app: &App, width: usize, theme: &Theme) -> Vec<Pieces> {
    let Some(tuple) = app.detail() else {
        return Vec::new();
    };
    let chronicle = app.shown();
    let Some(story) = chronicle.story(tuple) else {
        let title = format!("{}  {}", escape(&tuple.netns), escape(tuple));
        let gone = "has no connections, and nothing failed of late".to_owned();
        return vec![vec![(title, Tone::Strong)], vec![(gone, Tone::Plain)]];
    };
    let look = Look {
        app,
        chronicle,
        story,
        figures: Figures::of(story, chronicle, &app.ratios),
        theme,
        width,
    };
    let mut lines = vec![facts::title(&look)];
    lines.extend(facts::lines(&look));
    lines.extend(course::lines(&look));
    lines.extend(who::lines(&look));
    lines.extend(verdict::lines(&look));
    lines.extend(events::lines(&look));
    lines
}

impl Look<'_> {
    /// A label and a text behind it, over as many lines as it takes.
    fn labelled(&self, label: &str, text: &str, tone: Tone) -> Vec<Pieces> {
        let room = self.width.saturating_sub(LABEL).max(1);
        let lines = wrap(text, room).into_iter().enumerate();
        let line = |(index, text)| {
            let label = if index == 0 { label } else { "" };
            let label = fit(label, LABEL, Side::Left, self.theme);
            vec![(label, Tone::Dim), (text, tone)]
        };
        lines.map(line).collect()
    }
}
