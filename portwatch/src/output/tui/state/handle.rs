use super::{App, GroupBy, Key, Page, Subject};
use crate::model::Tuple;

/// What a key asks of those who run the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing beyond a new look at the screen.
    Show,
    /// End.
    Quit,
    /// Draw everything anew.
    Redraw,
    /// Stop for the shell's job control.
    Suspend,
    /// Look closely at this tuple.
    Look(Tuple),
    /// Stop playing the recording, or go on.
    PlayPause,
    /// Play it faster, or slower.
    Speed(bool),
    /// Go so many seconds forward or back in it.
    Seek(i32),
}

/// How far one key goes in a recording, seconds.
const SEEK: i32 = 10;

impl App {
    /// A key was pressed.
    pub fn handle(&mut self, key: Key) -> Action {
        self.note = None;
        match key {
            Key::Ctrl('c') => return Action::Quit,
            Key::Ctrl('z') => return Action::Suspend,
            Key::Ctrl('l') => return Action::Redraw,
            _ => {}
        }
        if self.help {
            self.help = false;
            return Action::Show;
        }
        if self.filter.editing {
            self.edit(key);
            return Action::Show;
        }
        let action = self.anywhere(key);
        match (action, &self.page) {
            (Some(action), _) => action,
            (None, Page::Table) => self.in_table(key),
            (None, Page::Detail { .. }) => self.in_detail(key),
        }
    }

    /// Keys that do the same on every page.
    fn anywhere(&mut self, key: Key) -> Option<Action> {
        let replaying = self.playback.is_some();
        match key {
            Key::Char('q') | Key::F(10) => return Some(Action::Quit),
            Key::Char('h' | '?') | Key::F(1) => self.help = true,
            Key::Char('f') => {
                self.hold.toggle_freeze();
                self.changed();
            }
            Key::Char('p' | ' ') if replaying => {
                self.hold.release();
                self.changed();
                return Some(Action::PlayPause);
            }
            Key::Char('p' | ' ') => self.toggle_pause(),
            Key::Char('+' | '=') if replaying => return Some(Action::Speed(true)),
            Key::Char('-') if replaying => return Some(Action::Speed(false)),
            Key::Right if replaying => return Some(Action::Seek(SEEK)),
            Key::Left if replaying => return Some(Action::Seek(-SEEK)),
            _ => return None,
        }
        Some(Action::Show)
    }

    fn in_table(&mut self, key: Key) -> Action {
        let page = isize::try_from(self.cursor.room().max(1)).unwrap_or(isize::MAX);
        match key {
            Key::Up | Key::Char('k') => self.go(-1),
            Key::Down | Key::Char('j') => self.go(1),
            Key::PageUp | Key::Ctrl('b') => self.go(-page),
            Key::PageDown | Key::Ctrl('f') => self.go(page),
            Key::Home => self.cursor.home(),
            Key::End | Key::Char('G') => self.go_to_end(),
            Key::Char('s' | '>') | Key::F(6) => self.sort_by(true),
            Key::Char('S' | '<') => self.sort_by(false),
            Key::Char('r' | 'I') => {
                self.reverse = !self.reverse;
                self.changed();
            }
            Key::Char('g') => self.group_by(self.group.next()),
            Key::Char('/') | Key::F(3 | 4) => self.filter.editing = true,
            Key::Enter | Key::Char('l') | Key::Right => return self.open(),
            Key::Esc | Key::Backspace => self.back(),
            _ => {}
        }
        Action::Show
    }

    fn in_detail(&mut self, key: Key) -> Action {
        let room = self.cursor.room().max(1);
        let Page::Detail { tuple, scroll } = &mut self.page else {
            return Action::Show;
        };
        match key {
            Key::Up | Key::Char('k') => *scroll = scroll.saturating_sub(1),
            Key::Down | Key::Char('j') => *scroll = scroll.saturating_add(1),
            Key::PageUp | Key::Ctrl('b') => *scroll = scroll.saturating_sub(room),
            Key::PageDown | Key::Ctrl('f') => *scroll = scroll.saturating_add(room),
            Key::Home => *scroll = 0,
            // The view knows where the end is.
            Key::End | Key::Char('G') => *scroll = usize::MAX,
            Key::Char('r') => return Action::Look(tuple.clone()),
            Key::Esc | Key::Backspace | Key::Left => self.page = Page::Table,
            _ => {}
        }
        Action::Show
    }

    fn edit(&mut self, key: Key) {
        match key {
            Key::Char(c) => self.filter.push(c),
            Key::Backspace => {
                self.filter.text.pop();
            }
            Key::Ctrl('u') => self.filter.text.clear(),
            Key::Enter => self.filter.editing = false,
            Key::Esc => self.filter = Default::default(),
            Key::Up => self.go(-1),
            Key::Down => self.go(1),
            _ => return,
        }
        self.changed();
    }

    fn sort_by(&mut self, forward: bool) {
        self.column = self.column.step(forward);
        self.reverse = false;
        self.changed();
    }

    fn group_by(&mut self, group: GroupBy) {
        self.group = group;
        self.within = None;
        self.cursor.home();
        self.changed();
    }

    /// Opens what is selected: a group's tuples, or a tuple.
    fn open(&mut self) -> Action {
        let subject = self.selected().map(|row| row.subject.clone());
        match subject {
            Some(Subject::Tuple(tuple)) => {
                self.page = Page::Detail {
                    tuple: tuple.clone(),
                    scroll: 0,
                };
                return Action::Look(tuple);
            }
            Some(Subject::Group(group)) => {
                self.within = Some((self.group, group));
                self.cursor.home();
                self.changed();
            }
            None => {}
        }
        Action::Show
    }

    /// One step back: from a group, or else from a filter.
    fn back(&mut self) {
        if self.within.take().is_some() {
            self.cursor.home();
        } else {
            self.filter.text.clear();
        }
        self.changed();
    }
}
