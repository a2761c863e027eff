//! What stands in a cell of the table.

use super::{
    Theme,
    bar::bar,
    columns::Field,
    number::{failing, left, percent, rate, thousands},
    text::{Side, fit},
    theme::Tone,
};
use crate::{
    model::{Chronicle, Story, Tuple, container::short_id},
    output::{
        escape,
        tui::state::{Figures, Row, Severity, Subject},
    },
};

/// A row and what is known of its tuple.
pub struct Source<'a> {
    pub row: &'a Row,
    pub selected: bool,
    pub chronicle: &'a Chronicle,
}

impl Source<'_> {
    /// The text of a cell. Only the bar makes use of the width.
    pub fn cell(&self, field: Field, width: usize, theme: &Theme) -> (String, Tone) {
        let figures = &self.row.figures;
        let tone = tone(figures.severity);
        let plain = |text: String| (text, Tone::Plain);
        match field {
            Field::Mark => {
                let selected = if self.selected { '>' } else { ' ' };
                (format!("{selected}{}", mark(figures.severity)), tone)
            }
            Field::Group => match &self.row.subject {
                Subject::Group(group) => plain(escape(group)),
                Subject::Tuple(_) => plain(String::new()),
            },
            Field::Tuples => plain(thousands(figures.tuples.into())),
            Field::Netns => plain(self.of_tuple(netns)),
            Field::Local => plain(self.of_tuple(local)),
            Field::Peer => plain(self.of_tuple(peer)),
            Field::Ports => (ports(figures), tone),
            Field::Full => (full(figures, width, theme), tone),
            Field::Live => plain(figures.live().to_string()),
            Field::TimeWait => plain(figures.time_wait.to_string()),
            Field::Blocked => plain(figures.blocked.map_or("-".to_owned(), |n| n.to_string())),
            Field::Rate => plain(rate(figures.rate)),
            Field::Left => (left(figures.left), urgency(figures.left)),
            Field::Failing => {
                let tone = if figures.failing > 0.0 {
                    Tone::Alarm
                } else {
                    Tone::Plain
                };
                (failing(figures.failing, figures.failures), tone)
            }
            Field::Failures => plain(thousands(figures.failures)),
            Field::Owner => plain(self.story().map(owner).unwrap_or_default()),
        }
    }

    fn story(&self) -> Option<&Story> {
        match &self.row.subject {
            Subject::Tuple(tuple) => self.chronicle.story(tuple),
            Subject::Group(_) => None,
        }
    }

    fn of_tuple(&self, text: impl Fn(&Tuple) -> String) -> String {
        match &self.row.subject {
            Subject::Tuple(tuple) => text(tuple),
            Subject::Group(_) => String::new(),
        }
    }
}

/// How bad it is, in one character.
pub const fn mark(severity: Severity) -> char {
    match severity {
        Severity::Ok => ' ',
        Severity::Warning => '*',
        Severity::Critical => '!',
        Severity::Failing => 'X',
    }
}

/// How bad it is, to the eye.
pub const fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Ok => Tone::Plain,
        Severity::Warning => Tone::Caution,
        Severity::Critical | Severity::Failing => Tone::Alarm,
    }
}

/// `haproxy[812] in 3f9a1c0d5e7b`
pub fn owner(story: &Story) -> String {
    let Some((pid, comm)) = story.owner() else {
        return "-".to_owned();
    };
    let who = format!("{}[{pid}]", escape(comm));
    match story.container() {
        Some(id) => format!("{who} in {}", escape(short_id(id))),
        None => who,
    }
}

/// `412/500`
pub fn ports(figures: &Figures) -> String {
    match figures.capacity {
        Some(capacity) => format!("{}/{capacity}", figures.used),
        None if figures.tuples == 1 && figures.used == 0 => "-".to_owned(),
        None => figures.used.to_string(),
    }
}

fn full(figures: &Figures, width: usize, theme: &Theme) -> String {
    let percent = percent(figures.utilisation);
    let room = width.saturating_sub(5);
    let percent = fit(&percent, width - room, Side::Right, theme);
    bar(figures.utilisation, figures.waiting, room, theme) + &percent
}

/// The name, or the inode number: a short column has no room for more.
fn netns(tuple: &Tuple) -> String {
    match &tuple.netns.name {
        Some(name) => escape(name),
        None => tuple.netns.inum.to_string(),
    }
}

fn local(tuple: &Tuple) -> String {
    let local = tuple.local_ip.map(|ip| ip.to_string());
    let local = local.unwrap_or_else(|| "*".to_owned());
    match tuple.bound_dev {
        0 => local,
        device => format!("{local}%{device}"),
    }
}

/// `10.0.0.2:443`
pub fn peer(tuple: &Tuple) -> String {
    std::net::SocketAddr::new(tuple.peer_ip, tuple.peer_port).to_string()
}

/// The last minute is an alarm, the last ten call for attention.
fn urgency(left: Option<f64>) -> Tone {
    match left {
        Some(left) if left < 60.0 => Tone::Alarm,
        Some(left) if left < 600.0 => Tone::Caution,
        _ => Tone::Plain,
    }
}
