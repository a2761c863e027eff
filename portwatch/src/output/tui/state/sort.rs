use std::cmp::Ordering;

use super::{
    Figures, Row, Subject,
    group::{owner, peer},
};
use crate::model::Chronicle;

/// What rows are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    /// Failing, then by threshold, utilisation, failures.
    #[default]
    Worst,
    /// Namespace.
    Netns,
    /// Local address.
    Local,
    /// Peer.
    Peer,
    /// Ports held.
    Used,
    /// Share of the capacity.
    Utilisation,
    /// Live connections.
    Live,
    /// Connections in TIME_WAIT.
    TimeWait,
    /// Ports held through bind.
    Blocked,
    /// Net growth.
    Rate,
    /// Time to exhaustion, shortest first.
    Left,
    /// Failures a second.
    Failing,
    /// Failures in all.
    Failures,
    /// Who has the connections.
    Owner,
}

impl Column {
    /// Every one, in the order of the table.
    pub const ALL: [Self; 14] = [
        Self::Worst,
        Self::Netns,
        Self::Local,
        Self::Peer,
        Self::Used,
        Self::Utilisation,
        Self::Live,
        Self::TimeWait,
        Self::Blocked,
        Self::Rate,
        Self::Left,
        Self::Failing,
        Self::Failures,
        Self::Owner,
    ];

    /// Its name, on the command line too.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Worst => "worst",
            Self::Netns => "netns",
            Self::Local => "local",
            Self::Peer => "peer",
            Self::Used => "used",
            Self::Utilisation => "utilisation",
            Self::Live => "live",
            Self::TimeWait => "time-wait",
            Self::Blocked => "blocked",
            Self::Rate => "rate",
            Self::Left => "left",
            Self::Failing => "failing",
            Self::Failures => "failures",
            Self::Owner => "owner",
        }
    }

    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    /// The one so many places further.
    #[must_use]
    pub fn step(self, forward: bool) -> Self {
        let count = Self::ALL.len();
        let place = Self::ALL.iter().position(|column| *column == self);
        let step = if forward { 1 } else { count - 1 };
        Self::ALL[(place.unwrap_or(0) + step) % count]
    }
}

/// Sorts rows: numbers greatest first, text in its order; `reverse` turns that round. Rows that are
/// alike in the column follow worst first.
pub fn sort(rows: &mut [Row], column: Column, reverse: bool, chronicle: &Chronicle) {
    rows.sort_unstable_by(worst);
    // Stable from here on: what is alike keeps that order.
    match column {
        Column::Worst => {}
        Column::Netns | Column::Local | Column::Peer | Column::Owner => {
            rows.sort_by_cached_key(|row| text(row, column, chronicle));
        }
        _ => rows.sort_by(|a, b| number(b, column).total_cmp(&number(a, column))),
    }
    if reverse {
        rows.reverse();
    }
}

/// The worse of two first.
pub fn worst_first(a: &Figures, b: &Figures) -> Ordering {
    b.severity
        .cmp(&a.severity)
        .then_with(|| b.utilisation.total_cmp(&a.utilisation))
        .then_with(|| b.failures.cmp(&a.failures))
        .then_with(|| b.used.cmp(&a.used))
}

fn worst(a: &Row, b: &Row) -> Ordering {
    worst_first(&a.figures, &b.figures).then_with(|| a.subject.cmp(&b.subject))
}

/// What is not known comes last.
fn number(row: &Row, column: Column) -> f64 {
    let figures = &row.figures;
    let count = |n: u64| n as f64;
    match column {
        Column::Used => count(figures.used),
        Column::Live => count(figures.live()),
        Column::TimeWait => count(figures.time_wait),
        Column::Blocked => figures.blocked.map_or(-1.0, f64::from),
        Column::Rate => figures.rate.unwrap_or(f64::NEG_INFINITY),
        Column::Left => figures.left.map_or(f64::NEG_INFINITY, |left| -left),
        Column::Failing => figures.failing,
        Column::Failures => count(figures.failures),
        _ => figures.utilisation,
    }
}

fn text(row: &Row, column: Column, chronicle: &Chronicle) -> String {
    let tuple = match &row.subject {
        Subject::Group(group) => return group.clone(),
        Subject::Tuple(tuple) => tuple,
    };
    match column {
        Column::Netns => tuple.netns.to_string(),
        Column::Local => tuple.local_ip.map(|ip| ip.to_string()).unwrap_or_default(),
        Column::Peer => chronicle.story(tuple).map(peer).unwrap_or_default(),
        _ => chronicle.story(tuple).map(owner).unwrap_or_default(),
    }
}
