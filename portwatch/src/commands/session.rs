use std::io;

use tokio::sync::mpsc;

use super::tracing::item;
use crate::{
    model::Item,
    tracer::{Tracer, Update},
};

/// A running session: what a tracer tells, and what others find out meanwhile, as one stream.
pub(super) struct Session {
    tracer: Tracer,
    others: mpsc::UnboundedReceiver<Item>,
}

impl Session {
    /// Of a tracer that gives samples. What `others` send comes in between, until they are gone.
    pub fn new(tracer: Tracer, others: mpsc::UnboundedReceiver<Item>) -> Self {
        Self { tracer, others }
    }

    /// What comes next. Waits until there is something; nothing is lost when the wait is cut short.
    ///
    /// # Errors
    /// When the tracer can't go on.
    pub async fn next(&mut self) -> io::Result<Item> {
        tokio::select! {
            update = self.tracer.next() => update.map(item),
            Some(item) = self.others.recv() => Ok(item),
        }
    }

    /// Everything that is left at the end.
    pub fn settle(&mut self) -> Vec<Item> {
        let others = std::iter::from_fn(|| self.others.try_recv().ok());
        let mut left: Vec<Item> = others.collect();
        let events = self.tracer.settle().into_iter();
        left.extend(events.map(|event| item(Update::Event(event))));
        left
    }
}
