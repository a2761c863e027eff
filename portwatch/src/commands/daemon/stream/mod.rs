//! What the tracer tells, on a unix socket: each who connects reads a recording while it is written.
//! Nothing is encoded while nobody reads, and once however many do.

mod client;
mod clients;
mod place;

use std::{cell::RefCell, path::Path, rc::Rc, time::Duration};

use anyhow::{Context, Result};
use hyper::body::Bytes;
use jiff::Timestamp;
use tokio::{net::UnixListener, task::spawn_local, time::sleep};

use self::{clients::Clients, place::Place};
use crate::{
    commands::header::header,
    model::{Event, Interval, Item, Ratios},
    recording::Live,
};

/// Pause after a connection could not be accepted, for want of descriptors, say.
const PAUSE: Duration = Duration::from_millis(100);

/// A socket with those who read from it.
pub(super) struct Stream {
    clients: Rc<RefCell<Clients>>,
    /// None while nobody reads.
    live: Option<Live>,
    started: Option<Event>,
    since: Timestamp,
    _place: Place,
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
        let full = "the daemon has as many readers as it takes; try again when one has gone";
        let refusal = Live::refusal(&header(since, ratios), full).unwrap_or_default();
        let clients = Rc::new(RefCell::new(Clients::new(refusal)));
        log::info!("events and counts on {}", path.display());
        spawn_local(accept(listener, Rc::clone(&clients)));
        Ok(Self {
            clients,
            live: None,
            started: None,
            since,
            _place: place,
        })
    }

    /// Remembers what opens the stream of each who comes.
    pub fn started(&mut self, event: &Event) {
        self.started = Some(event.clone());
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

    /// An interval's end, for all who read; who came since the last one begins with it.
    pub fn interval(&mut self, interval: Interval, ratios: Ratios) {
        let written = match &mut self.live {
            Some(live) => live.write(Item::Interval(interval)),
            None => {
                self.live = Live::new(&header(self.since, ratios), interval).ok();
                Some(Vec::new())
            }
        };
        let mut clients = self.clients.borrow_mut();
        match written {
            Some(bytes) => clients.send(&Bytes::from(bytes)),
            // They lack what all that follows continues.
            None => clients.drop_readers(),
        }
        if clients.joining()
            && let Some(live) = &self.live
            && let Some(started) = self.started.clone()
            && let Ok(picture) = live.picture(&header(self.since, ratios), started)
        {
            clients.begin(&Bytes::from(picture));
        }
    }

    /// Forgets what only readers need.
    pub fn rest(&mut self) {
        self.live = None;
    }

    /// Ends it for all who read, with a bound on how long that takes.
    pub async fn end(self) {
        let clients = self.clients.take();
        clients
            .end(&Bytes::from(Live::end().unwrap_or_default()))
            .await;
    }
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
