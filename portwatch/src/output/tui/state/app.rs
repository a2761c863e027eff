use jiff::tz::TimeZone;

use super::{
    Column, Figures, GroupBy, Page, Playback, Row, Subject,
    cursor::Cursor,
    filter::{FilterText, matches},
    group::grouped,
    hold::Hold,
    sort::{sort, worst_first},
};
use crate::model::{Chronicle, Item, Ratios, Story, Tuple};

/// What the reader can choose beforehand.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Thresholds.
    pub ratios: Ratios,
    /// What rows are sorted by.
    pub sort: Column,
    /// What rows have in common.
    pub group: GroupBy,
    /// Whether the first failure for want of a port stops the display.
    pub freeze: bool,
    /// Name of the host; none where it is not known.
    pub host: Option<String>,
    /// For times of day.
    pub zone: TimeZone,
}

/// Everything that is shown, and how.
#[derive(Debug)]
pub struct App {
    pub(in crate::output::tui) ratios: Ratios,
    pub(in crate::output::tui) host: Option<String>,
    pub(in crate::output::tui) zone: TimeZone,
    pub(in crate::output::tui) page: Page,
    pub(in crate::output::tui) help: bool,
    pub(in crate::output::tui) column: Column,
    pub(in crate::output::tui) reverse: bool,
    pub(in crate::output::tui) group: GroupBy,
    /// The group that was opened: only its tuples are shown.
    pub(in crate::output::tui) within: Option<(GroupBy, String)>,
    pub(in crate::output::tui) filter: FilterText,
    pub(in crate::output::tui) hold: Hold,
    pub(in crate::output::tui) playback: Option<Playback>,
    /// Something to tell: the log's last line.
    pub(in crate::output::tui) note: Option<String>,
    pub(super) cursor: Cursor,
    rows: Vec<Row>,
    /// The worst tuple of all, whatever is filtered.
    worst: Option<Row>,
    chronicle: Chronicle,
    /// Whether rows are older than what they are made from.
    stale: bool,
}

impl App {
    /// Nothing told yet.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let mut hold = Hold::default();
        hold.armed = setup.freeze;
        Self {
            ratios: setup.ratios,
            host: setup.host,
            zone: setup.zone,
            page: Page::Table,
            help: false,
            column: setup.sort,
            reverse: false,
            group: setup.group,
            within: None,
            filter: FilterText::default(),
            hold,
            playback: None,
            note: None,
            cursor: Cursor::default(),
            rows: Vec::new(),
            worst: None,
            chronicle: Chronicle::new(),
            stale: true,
        }
    }

    /// What the session tells next; recorded even while the display stands still.
    pub fn take(&mut self, item: &Item) {
        self.chronicle.take(item);
        // Somebody asked for it while the display stands still.
        if let (Item::Report(_), Some(shown)) = (item, self.hold.chronicle()) {
            shown.take(item);
        }
        self.hold.see(item, &self.chronicle);
        self.stale = true;
    }

    /// The session begins anew: a recording is played from another place.
    pub fn restart(&mut self) {
        self.chronicle = Chronicle::new();
        self.hold.release();
        self.stale = true;
    }

    /// How far a recording has been played.
    pub fn playing(&mut self, playback: Playback) {
        self.playback = Some(playback);
    }

    /// Something to tell at the foot of the screen.
    pub fn tell(&mut self, note: String) {
        self.note = Some(note);
    }

    /// Whether the display stands still.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.hold.still().is_some()
    }

    /// The tuple that is looked at closely.
    #[must_use]
    pub fn detail(&self) -> Option<&Tuple> {
        match &self.page {
            Page::Detail { tuple, .. } => Some(tuple),
            Page::Table => None,
        }
    }

    /// What is shown.
    pub(in crate::output::tui) fn shown(&self) -> &Chronicle {
        match self.hold.still() {
            Some(still) => &still.chronicle,
            None => &self.chronicle,
        }
    }

    /// Everything that is known, whatever a display that stands still shows.
    #[must_use]
    pub fn chronicle(&self) -> &Chronicle {
        &self.chronicle
    }

    /// Makes the rows anew where something changed, for a screen with room for so many.
    pub(in crate::output::tui) fn refresh(&mut self, room: usize) {
        if std::mem::take(&mut self.stale) {
            (self.rows, self.worst) = self.make_rows();
            self.cursor.follow(&self.rows);
        }
        self.cursor.fit(room, self.rows.len());
    }

    /// All rows, sorted.
    pub(in crate::output::tui) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The worst tuple of all, whatever is filtered.
    pub(in crate::output::tui) fn worst(&self) -> Option<&Row> {
        self.worst.as_ref()
    }

    /// The rows on the screen, with their places, and whether each is the selected one.
    pub(in crate::output::tui) fn visible(&self) -> impl Iterator<Item = (bool, &Row)> {
        let first = self.cursor.offset();
        let rows = self.rows.iter().enumerate().skip(first);
        rows.take(self.cursor.room())
            .map(|(index, row)| (index == self.cursor.index(), row))
    }

    pub(super) fn selected(&self) -> Option<&Row> {
        self.rows.get(self.cursor.index())
    }

    /// Moves through the table.
    pub(super) fn go(&mut self, by: isize) {
        self.cursor.go(by, &self.rows);
    }

    pub(super) fn go_to_end(&mut self) {
        self.cursor.select(usize::MAX, &self.rows);
    }

    /// Rows have to be made anew.
    pub(super) fn changed(&mut self) {
        self.stale = true;
    }

    pub(super) fn toggle_pause(&mut self) {
        self.hold.toggle_pause(&self.chronicle);
        self.stale = true;
    }

    fn make_rows(&self) -> (Vec<Row>, Option<Row>) {
        let chronicle = self.shown();
        let figured = chronicle
            .stories()
            .map(|story| (story, Figures::of(story, chronicle, &self.ratios)));
        let figured: Vec<(&Story, Figures)> = figured.collect();
        let row = |&(story, figures): &(&Story, Figures)| Row {
            subject: Subject::Tuple(story.tuple().clone()),
            figures,
        };
        let worst = figured.iter().min_by(|a, b| {
            let names = || a.0.tuple().cmp(b.0.tuple());
            worst_first(&a.1, &b.1).then_with(names)
        });
        let worst = worst.map(row);
        let words = self.filter.words();
        let shown = figured.iter().filter(|(story, figures)| {
            self.is_within(story) && matches(story, figures.severity, &words)
        });
        let mut rows = if self.group == GroupBy::None || self.within.is_some() {
            shown.map(row).collect()
        } else {
            let by = self.group;
            grouped(by, shown.map(|(story, figures)| (by.of(story), *figures)))
        };
        sort(&mut rows, self.column, self.reverse, chronicle);
        (rows, worst)
    }

    fn is_within(&self, story: &Story) -> bool {
        let within = self.within.as_ref();
        within.is_none_or(|(by, group)| by.of(story) == *group)
    }
}
