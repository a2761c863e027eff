//! What is looked up beside a running tracer, on threads of their own: the answers come as items
//! of the session.

mod before;

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use anyhow::Result;
use jiff::Timestamp;
use tokio::{sync::mpsc, task::spawn_blocking};

use super::investigate::{Target, investigate, openers};
use crate::{
    kernel::openers::Processes,
    model::{Chronicle, Item, Openers, Tuple, Watched},
    tracer::{Observer, Ports},
};
pub(in crate::commands) use before::Before;

/// Looks things up. One lookup of a kind at a time: what is asked for meanwhile is left out, for
/// whoever wants to know asks again.
pub(super) struct Lookups {
    observer: Observer,
    answers: mpsc::UnboundedSender<Item>,
    reporting: Arc<AtomicBool>,
    naming: Arc<AtomicBool>,
    before: Arc<Mutex<Before>>,
}

impl Lookups {
    /// None under way; the answers come out of the receiver.
    pub fn new(observer: Observer) -> (Self, mpsc::UnboundedReceiver<Item>) {
        let (answers, receiver) = mpsc::unbounded_channel();
        let lookups = Self {
            observer,
            answers,
            reporting: Arc::default(),
            naming: Arc::default(),
            before: Arc::default(),
        };
        (lookups, receiver)
    }

    /// Has a tuple looked at closely. False where another one is still looked at.
    pub fn report(&self, tuple: &Tuple, chronicle: &Chronicle) -> bool {
        let tuple = tuple.clone();
        let watched = Watched::of(&tuple, chronicle);
        let observer = self.observer.clone();
        self.start(&self.reporting, move || {
            let target = Target::of(&tuple)?;
            let report = investigate(&target, &watched, &observer, &mut Ports::load()?, false)?;
            Ok(Item::Report(Box::new(report)))
        })
    }

    /// Has everybody named who opened connections. False where that is under way.
    pub fn openers(&self) -> bool {
        let (observer, before) = (self.observer.clone(), Arc::clone(&self.before));
        self.start(&self.naming, move || {
            let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
            name_openers(&observer, &mut before).map(Item::Openers)
        })
    }

    fn start(
        &self,
        busy: &Arc<AtomicBool>,
        look: impl FnOnce() -> Result<Item> + Send + 'static,
    ) -> bool {
        if busy.swap(true, Relaxed) {
            return false;
        }
        let (busy, answers) = (Arc::clone(busy), self.answers.clone());
        spawn_blocking(move || {
            match look() {
                // Nobody may want to know any more.
                Ok(item) => drop(answers.send(item)),
                Err(error) => log::warn!("{error:#}"),
            }
            busy.store(false, Relaxed);
        });
        true
    }
}

/// Names who opened the connections of every tuple. `before` is what the look before left behind.
///
/// # Errors
/// When the set can't be read. Where processes can't be looked at, who opened what the tracer did
/// not see open is left open.
pub(in crate::commands) fn name_openers(
    observer: &Observer,
    before: &mut Before,
) -> Result<Openers> {
    let mut tuples = observer.all_connections()?;
    if let Err(error) = before.complete(&mut tuples) {
        log::warn!("who opened earlier connections can't be told: {error:#}");
    }
    let mut processes = Processes::default();
    let named = tuples.into_iter().map(|(tuple, connections)| {
        let openers = openers(&connections, observer, &mut processes);
        (tuple, openers)
    });
    Ok(Openers {
        time: Timestamp::now(),
        tuples: named.collect(),
    })
}
