use jiff::Timestamp;

use crate::model::{Cause, Chronicle, EventKind, Item};

/// Why the display stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The reader said so.
    Paused,
    /// A failure happened for which it was to stop.
    Frozen,
}

/// The display as it stood.
#[derive(Clone, Debug)]
pub struct Still {
    /// Why it stands still.
    pub why: Why,
    /// Since when, by the clock of the session.
    pub at: Option<Timestamp>,
    /// What was known then.
    pub chronicle: Chronicle,
}

/// Whether the display stands still, and what it waits for.
#[derive(Clone, Debug, Default)]
pub struct Hold {
    /// Whether the next failure for want of a port stops the display.
    pub armed: bool,
    still: Option<Box<Still>>,
}

impl Hold {
    /// The display as it stood; none where it goes on.
    #[must_use]
    pub fn still(&self) -> Option<&Still> {
        self.still.as_deref()
    }

    /// Where a close look at a tuple is to be put, too.
    pub fn chronicle(&mut self) -> Option<&mut Chronicle> {
        self.still.as_mut().map(|still| &mut still.chronicle)
    }

    /// Stops where this is the failure that it waited for, taken into the chronicle already.
    pub fn see(&mut self, item: &Item, chronicle: &Chronicle) {
        let Item::Event(event) = item else {
            return;
        };
        if let EventKind::Failure(failure) = &event.kind
            && failure.cause == Cause::Exhausted
            && self.armed
            && self.still.is_none()
        {
            self.armed = false;
            self.stop(Why::Frozen, Some(event.time), chronicle);
        }
    }

    /// Stops, or goes on.
    pub fn toggle_pause(&mut self, chronicle: &Chronicle) {
        if self.still.take().is_none() {
            self.stop(Why::Paused, chronicle.now(), chronicle);
        }
    }

    /// Waits for a failure, or no longer; goes on where one has stopped it.
    pub fn toggle_freeze(&mut self) {
        match self.still() {
            Some(still) if still.why == Why::Frozen => self.still = None,
            _ => self.armed = !self.armed,
        }
    }

    /// Goes on.
    pub fn release(&mut self) {
        self.still = None;
    }

    fn stop(&mut self, why: Why, at: Option<Timestamp>, chronicle: &Chronicle) {
        let chronicle = chronicle.clone();
        self.still = Some(Box::new(Still { why, at, chronicle }));
    }
}
