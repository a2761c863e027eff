//! Why a tuple runs out of ports, and what to do about it on this host.

mod culprit;
mod facts;
#[cfg(test)]
mod fixture;
mod look;
mod number;
mod plan;
mod remedy;
#[cfg(test)]
mod tests;
mod widening;

use serde::{Deserialize, Serialize};

pub use facts::{BindHolder, Facts, Failures, HolderKind, LiveTrend, Stranger};
pub use look::Look;

/// What is to blame for a shortage of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Culprit {
    /// Live connections only grow: whoever opens them does not close them.
    Leak,
    /// Connections are short, and each holds its port for a minute more in TIME_WAIT.
    Churn,
    /// Others hold ports of the range through bind, so that no connection gets them.
    Thief,
    /// The connections are wanted, and the range could be much wider.
    NarrowRange,
    /// The connections are wanted, and the range is as wide as it gets.
    TooFewPeers,
    /// Connections fail, but not for want of a port on this host.
    NotHere,
}

impl Culprit {
    /// Its name in the output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Leak => "leak",
            Self::Churn => "churn",
            Self::Thief => "thief",
            Self::NarrowRange => "narrow-range",
            Self::TooFewPeers => "too-few-peers",
            Self::NotHere => "not-here",
        }
    }
}

/// What the facts about a tuple amount to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Who or what is to blame; none where nothing is short, or the facts don't tell.
    pub culprit: Option<Culprit>,
    /// The facts that say so, a sentence or two.
    pub reason: String,
    /// What fits, best first.
    pub advice: Vec<Advice>,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// What, a few words.
    pub title: String,
    /// The command that does it, where there is one.
    pub command: Option<String>,
    /// What it brings in numbers, and what it risks.
    pub effect: String,
}

/// Concludes from the facts.
#[must_use]
pub fn explain(facts: &Facts) -> Explanation {
    let culprit = culprit::culprit(facts);
    Explanation {
        culprit,
        reason: culprit::reason(facts, culprit),
        advice: culprit.map_or_else(Vec::new, |culprit| plan::advice(facts, culprit)),
    }
}
