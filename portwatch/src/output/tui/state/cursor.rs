use super::{Row, Subject};

/// The selected row and the part of the table that is shown. It stays on what was selected, wherever
/// that moves; left at the top, it stays there.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    selected: Option<Subject>,
    index: usize,
    offset: usize,
    /// Rows that fit on the screen.
    room: usize,
}

impl Cursor {
    /// The selected row.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// The first row that is shown.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Rows that fit on the screen.
    #[must_use]
    pub fn room(&self) -> usize {
        self.room
    }

    /// So many rows fit on the screen.
    pub fn fit(&mut self, room: usize, rows: usize) {
        self.room = room;
        self.scroll(rows);
    }

    /// Goes to the top and stays there.
    pub fn home(&mut self) {
        (self.selected, self.index, self.offset) = (None, 0, 0);
    }

    /// Goes so many rows down, or up.
    pub fn go(&mut self, by: isize, rows: &[Row]) {
        let to = self.index.saturating_add_signed(by);
        self.select(to, rows);
    }

    /// Goes to a row, or the last.
    pub fn select(&mut self, index: usize, rows: &[Row]) {
        self.index = index.min(rows.len().saturating_sub(1));
        let row = rows.get(self.index).filter(|_| self.index > 0);
        self.selected = row.map(|row| row.subject.clone());
        self.scroll(rows.len());
    }

    /// Finds the selected row again.
    pub fn follow(&mut self, rows: &[Row]) {
        if let Some(selected) = &self.selected {
            match rows.iter().position(|row| row.subject == *selected) {
                Some(index) => self.index = index,
                // Gone: whatever is in its place.
                None => self.select(self.index, rows),
            }
        }
        self.scroll(rows.len());
    }

    fn scroll(&mut self, rows: usize) {
        self.index = self.index.min(rows.saturating_sub(1));
        self.offset = self.offset.min(rows.saturating_sub(self.room));
        if self.index < self.offset {
            self.offset = self.index;
        } else if self.index >= self.offset + self.room {
            self.offset = (self.index + 1).saturating_sub(self.room);
        }
    }
}
