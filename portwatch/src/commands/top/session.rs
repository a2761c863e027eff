//! The loop that keeps a screen up to date.

use std::{
    future::{self, Future},
    io,
    pin::Pin,
    time::Duration,
};

use anyhow::{Context, Result};
use crossterm::event::{Event, EventStream};
use futures_core::Stream;
use rustix::process::{Signal, getpid, kill_process};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep_until},
};

use super::{Canvas, keys::key, lookup::Lookup, source::Source};
use crate::{
    commands::end::End,
    logging,
    model::{Filter, Item},
    output::tui::{Action, App, Theme, draw},
};

/// Time between two frames that nobody asked for by a key: a storm of events is no reason to draw
/// more often than anybody can read.
const FRAME: Duration = Duration::from_millis(250);

/// What a session has beside its source.
pub(super) struct Desk {
    pub app: App,
    pub theme: Theme,
    pub filter: Filter,
    /// What is looked up on the side; none where a recording is played.
    pub lookups: Option<Lookup>,
    pub log: logging::Hold,
}

/// Shows what the source tells until the reader quits, or `end` comes.
///
/// # Errors
/// When the source can't go on, or the terminal can't be drawn on.
pub(super) async fn session(
    mut source: Source,
    mut desk: Desk,
    mut end: Pin<&mut impl Future<Output = io::Result<End>>>,
) -> Result<()> {
    let mut hangup = signal(SignalKind::hangup()).context("cannot wait for signals")?;
    let mut canvas = Canvas::take(desk.theme.color).context("cannot use the terminal")?;
    let mut keys = EventStream::new();
    let mut frames = Frames::new();
    loop {
        if frames.is_due() && canvas.is_idle() {
            frames.drawn();
            desk.show(&mut source, &mut canvas)?;
        }
        tokio::select! {
            biased;
            ended = &mut end => {
                ended.context("cannot wait for signals")?;
                return Ok(());
            }
            _ = hangup.recv() => return Ok(()),
            written = canvas.flush(), if !canvas.is_idle() => {
                written.context("cannot write to the terminal")?;
            }
            event = pressed(&mut keys) => {
                let event = event.context("cannot read keys")?;
                if !desk.event(&event, &mut source, &mut canvas)? {
                    return Ok(());
                }
                frames.now();
            }
            item = source.next() => {
                desk.take(item?, &mut source);
                frames.soon();
            }
            () = frames.next() => {}
        }
    }
}

/// The next event of the terminal.
async fn pressed(keys: &mut EventStream) -> io::Result<Event> {
    let next = future::poll_fn(|context| Pin::new(&mut *keys).poll_next(context)).await;
    next.unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))
}

impl Desk {
    fn take(&mut self, item: Item, source: &mut Source) {
        let Some(item) = item.filtered(&self.filter) else {
            return;
        };
        self.app.take(&item);
        if let Some(lookup) = &mut self.lookups {
            lookup.keep_up(&item, &self.app);
        }
        if self.app.is_still()
            && let Some(player) = source.player()
        {
            player.pause();
        }
    }

    fn show(&mut self, source: &mut Source, canvas: &mut Canvas) -> Result<()> {
        if let Some(player) = source.player() {
            self.app.playing(player.playback());
        }
        if let Some(line) = self.log.latest() {
            self.app.tell(line);
        }
        let Self { app, theme, .. } = self;
        canvas
            .draw(|frame| draw(frame, app, theme))
            .context("cannot draw")
    }

    /// Returns false when it is time to end.
    fn event(&mut self, event: &Event, source: &mut Source, canvas: &mut Canvas) -> Result<bool> {
        let Event::Key(pressed) = event else {
            return Ok(true);
        };
        let Some(key) = key(pressed) else {
            return Ok(true);
        };
        match self.app.handle(key) {
            Action::Show => {}
            Action::Quit => return Ok(false),
            Action::Redraw => canvas.clear().context("cannot draw")?,
            Action::Suspend => suspend(canvas)?,
            Action::Look(tuple) => {
                if let Some(lookup) = &mut self.lookups {
                    lookup.report(&tuple, self.app.chronicle());
                }
            }
            Action::PlayPause => source
                .player()
                .into_iter()
                .for_each(|player| player.toggle()),
            Action::Speed(faster) => {
                let player = source.player().into_iter();
                player.for_each(|player| player.change_speed(faster));
            }
            Action::Seek(seconds) => self.seek(seconds, source),
        }
        Ok(true)
    }

    fn seek(&mut self, seconds: i32, source: &mut Source) {
        let Some(player) = source.player() else {
            return;
        };
        let (anew, range) = player.seek(seconds);
        let items = player.items(range);
        if anew {
            self.app.restart();
        }
        for item in items {
            self.take(item, source);
        }
    }
}

/// Stops for the shell's job control, and comes back when it says so.
fn suspend(canvas: &mut Canvas) -> Result<()> {
    canvas.leave();
    kill_process(getpid(), Signal::TSTP).context("cannot stop")?;
    canvas.resume().context("cannot use the terminal")
}

/// When to draw.
struct Frames {
    last: Instant,
    due: Option<Instant>,
}

impl Frames {
    /// At once.
    fn new() -> Self {
        let now = Instant::now();
        Self {
            last: now,
            due: Some(now),
        }
    }

    /// Somebody waits for it.
    fn now(&mut self) {
        self.due = Some(Instant::now());
    }

    /// Something changed.
    fn soon(&mut self) {
        let due = self.last + FRAME;
        self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
    }

    fn is_due(&self) -> bool {
        self.due.is_some_and(|due| due <= Instant::now())
    }

    fn drawn(&mut self) {
        (self.last, self.due) = (Instant::now(), None);
    }

    /// Waits until it is time; without end where nothing is to be drawn, or where it is time but the
    /// terminal has not taken the last one.
    async fn next(&self) {
        match self.due {
            Some(due) if due > Instant::now() => sleep_until(due).await,
            _ => future::pending().await,
        }
    }
}
