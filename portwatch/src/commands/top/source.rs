use anyhow::{Context, Result};

use super::player::Player;
use crate::{
    commands::{
        served::{Served, Told},
        session::Session,
    },
    model::{Item, Reply},
};

/// Where the items of a session are from.
pub(super) enum Source {
    /// A tracer that runs, and what is looked up beside it.
    Live(Box<Session>),
    /// A daemon.
    Served(Box<Served>),
    /// A recording.
    Recording(Player),
}

impl Source {
    /// What comes next. Waits until there is something, without end at the end of a recording;
    /// nothing is lost when the wait is cut short.
    ///
    /// # Errors
    /// When the tracer can't go on, or the daemon ends.
    pub async fn next(&mut self) -> Result<Item> {
        match self {
            Self::Live(session) => session.next().await.context("cannot read events"),
            Self::Served(served) => loop {
                let told = served.next().await?;
                if let Some(item) = item(told) {
                    return Ok(item);
                }
            },
            Self::Recording(player) => Ok(player.next().await),
        }
    }

    /// The recording, where it is one.
    pub fn player(&mut self) -> Option<&mut Player> {
        match self {
            Self::Live(_) | Self::Served(_) => None,
            Self::Recording(player) => Some(player),
        }
    }
}

/// What a daemon tells, as an item; none for an answer that is not what was asked for.
fn item(told: Told) -> Option<Item> {
    match told {
        Told::Item(item) => Some(item),
        Told::Reply(Reply::Report(report)) => Some(Item::Report(report)),
        Told::Reply(Reply::Openers(openers)) => Some(Item::Openers(openers)),
        Told::Reply(Reply::Refused { reason, .. }) => {
            log::warn!("the daemon: {reason}");
            None
        }
        Told::Reply(Reply::Survey(_) | Reply::Found(_)) => None,
    }
}
