//! What the tracer tells, on a unix socket: each who connects reads a recording while it is written,
//! and may ask for a closer look. Nothing is encoded while nobody reads, and once however many do.

mod client;
mod clients;
mod place;
mod question;
mod queue;

use std::{cell::RefCell, path::Path, rc::Rc, time::Duration};

use anyhow::{Context, Result};
use hyper::body::Bytes;
use jiff::Timestamp;
use tokio::{
    net::UnixListener,
    sync::mpsc::UnboundedReceiver,
    task::spawn_local,
    time::{Instant, sleep},
};

use self::{
    clients::Clients,
    place::Place,
    question::{Asked, Desk, frame},
};
use super::inquiries::Office;
use crate::{
    commands::header::header,
    model::{Event, EventKind, Interval, Item, Namespace, Ratios, worst_first},
    recording::Live,
};

/// Pause after a connection could not be accepted, for want of descriptors, say.
const PAUSE: Duration = Duration::from_millis(100);
/// Answers take a fifth of a processor at most, whatever is asked: after each there is a rest of so
/// many times as long as it took.
const REST: u32 = 4;

/// A socket with those who read from it.
pub(super) struct Stream {
    clients: Rc<RefCell<Clients>>,
    /// What they ask, until somebody answers.
    asked: Option<UnboundedReceiver<Asked>>,
    /// None while nobody reads.
    live: Option<Live>,
    started: Option<Event>,
    since: Timestamp,
    /// What the header says.
    ratios: Ratios,
    place: Place,
}

impl Stream {
    /// Serves at this path, in tasks of the present `LocalSet`.
    ///
    /// # Errors
    /// When no socket can be made there, as when another daemon has its own there.
    pub fn start(path: &Path, ratios: Ratios) -> Result<Self> {
        let (place, listener) = Place::take(path)?;
        let listener = UnixListener::from_std(listener)
            .with_context(|| format!("cannot serve on {}", path.display()))?;
        let since = Timestamp::now();
        let (desk, asked) = Desk::new();
        let clients = Clients::new(beginning(since, ratios), desk);
        let clients = Rc::new(RefCell::new(clients));
        log::info!("events and counts on {}", path.display());
        spawn_local(accept(listener, Rc::clone(&clients)));
        Ok(Self {
            clients,
            asked: Some(asked),
            live: None,
            started: None,
            since,
            ratios,
            place,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Has questions answered there from now on.
    pub fn answer_with(&mut self, office: Office) {
        if let Some(asked) = self.asked.take() {
            spawn_local(answer(asked, office));
        }
    }

    /// Remembers what opens the stream of each who comes.
    pub fn started(&mut self, event: &Event) {
        let mut event = event.clone();
        if let EventKind::Started(started) = &mut event.kind {
            started.tuples = Vec::new();
        }
        self.started = Some(event);
    }

    /// An event, for all who read.
    pub fn event(&mut self, event: &Event) {
        if let Some(live) = &mut self.live {
            let bytes = live.write(Item::Event(event.clone()));
            if let Some(bytes) = bytes {
                self.clients.borrow_mut().send(&Bytes::from(bytes));
            }
        }
    }

    /// Whether anybody reads, or will from the next interval on.
    pub fn is_read(&self) -> bool {
        self.clients.borrow_mut().any()
    }

    /// An interval's end, for all who read; who came since the last one begins with it. `namespaces`
    /// are those that there are.
    pub fn interval(
        &mut self,
        interval: Interval,
        ratios: Ratios,
        namespaces: impl FnOnce() -> Vec<Namespace>,
    ) {
        let mut clients = self.clients.borrow_mut();
        if ratios != self.ratios {
            self.ratios = ratios;
            clients.set_beginning(beginning(self.since, ratios));
        }
        let started = self.started.as_ref().filter(|_| clients.joining());
        let started = started.map(|event| now(event, &interval, namespaces()));
        match &mut self.live {
            Some(live) => match live.write(Item::Interval(interval)) {
                Some(bytes) => clients.send(&Bytes::from(bytes)),
                // They lack what all that follows continues.
                None => clients.drop_readers(),
            },
            None => self.live = Some(Live::new(interval)),
        }
        let picture = |live: &Live| live.picture(started?);
        if let Some(picture) = self.live.as_ref().and_then(picture) {
            clients.begin(&Bytes::from(picture));
        }
    }

    /// Forgets what only readers need.
    pub fn rest(&mut self) {
        self.live = None;
    }

    /// Ends it for all who read, with a bound on how long that takes.
    pub async fn end(self) {
        let readers = self.clients.borrow_mut().leave();
        let last = Bytes::from(Live::end().unwrap_or_default());
        clients::end(readers, &last).await;
    }
}

fn beginning(since: Timestamp, ratios: Ratios) -> Bytes {
    Live::beginning(&header(since, ratios))
        .unwrap_or_default()
        .into()
}

/// The start of a session for somebody who comes now: totals count from here.
fn now(started: &Event, interval: &Interval, namespaces: Vec<Namespace>) -> Event {
    let mut event = started.clone();
    event.time = interval.time;
    if let EventKind::Started(started) = &mut event.kind {
        let held = interval
            .samples
            .iter()
            .filter(|sample| sample.usage.used > 0);
        started.tuples = held.cloned().collect();
        worst_first(&mut started.tuples);
        let used = started.tuples.iter();
        started.sockets = used.map(|sample| u64::from(sample.usage.used)).sum();
        started.namespaces = namespaces;
    }
    event
}

async fn accept(listener: UnixListener, clients: Rc<RefCell<Clients>>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => clients.borrow_mut().join(stream),
            Err(error) => {
                log::debug!("cannot accept a connection: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Answers what is asked, one question at a time.
async fn answer(mut asked: UnboundedReceiver<Asked>, office: Office) {
    while let Some(Asked { request, answer }) = asked.recv().await {
        if answer.is_closed() {
            continue;
        }
        let began = Instant::now();
        let frame = office.ask(request, frame).await;
        let took = began.elapsed();
        // Whoever asked may be gone by now.
        let _ = answer.send(frame);
        sleep(took * REST).await;
    }
}
