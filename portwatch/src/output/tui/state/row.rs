use super::Figures;
use crate::model::Tuple;

/// A line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is about.
    pub subject: Subject,
    /// Its numbers.
    pub figures: Figures,
}

/// What a row is about, and what stays the same from look to look.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// One tuple.
    Tuple(Tuple),
    /// All tuples that have this in common.
    Group(String),
}
