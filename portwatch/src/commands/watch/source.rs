use anyhow::{Context, Result};

use crate::{
    commands::served::{Served, Told},
    model::Item,
    tracer::{Tracer, Update},
};

/// Where events are from.
pub(super) enum Source {
    /// Programs of our own.
    Own(Box<Tracer>),
    /// Those of a daemon.
    Served(Box<Served>),
}

impl Source {
    /// What comes next. Waits until there is something; nothing is lost when the wait is cut short.
    ///
    /// # Errors
    /// When it can't go on.
    pub async fn next(&mut self) -> Result<Update> {
        match self {
            Self::Own(tracer) => tracer.next().await.context("cannot read events"),
            Self::Served(served) => loop {
                if let Told::Item(Item::Event(event)) = served.next().await? {
                    return Ok(Update::Event(event));
                }
            },
        }
    }

    /// Everything that is left at the end.
    pub fn settle(&mut self) -> Vec<Update> {
        match self {
            Self::Own(tracer) => tracer.settle().into_iter().map(Update::Event).collect(),
            Self::Served(served) => {
                let left = served.left().into_iter();
                let events = left.filter_map(|item| match item {
                    Item::Event(event) => Some(Update::Event(event)),
                    _ => None,
                });
                events.collect()
            }
        }
    }
}
