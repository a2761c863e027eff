use anyhow::{Context, Result};

use super::player::Player;
use crate::{commands::session::Session, model::Item};

/// Where the items of a session are from.
pub(super) enum Source {
    /// A tracer that runs, and what is looked up beside it.
    Live(Box<Session>),
    /// A recording.
    Recording(Player),
}

impl Source {
    /// What comes next. Waits until there is something, without end at the end of a recording;
    /// nothing is lost when the wait is cut short.
    ///
    /// # Errors
    /// When the tracer can't go on.
    pub async fn next(&mut self) -> Result<Item> {
        match self {
            Self::Live(session) => session.next().await.context("cannot read events"),
            Self::Recording(player) => Ok(player.next().await),
        }
    }

    /// The recording, where it is one.
    pub fn player(&mut self) -> Option<&mut Player> {
        match self {
            Self::Live(_) => None,
            Self::Recording(player) => Some(player),
        }
    }
}
