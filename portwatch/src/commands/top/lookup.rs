//! What is looked up beside the tracer, and how often.

use std::time::{Duration, Instant};

use super::looks::Looks;
use crate::{
    model::{Chronicle, Item, Tuple},
    output::tui::App,
};

/// Least time between two looks at who opened connections.
const OPENERS: Duration = Duration::from_secs(5);
/// Least time between two close looks at the tuple whose page is open.
const REPORT: Duration = Duration::from_secs(10);
/// A look is made again after so many times as long as it took: it reads the set of all sockets, or
/// looks at all processes.
const REST: u32 = 50;

/// Lookups, and when each is due again.
pub(super) struct Lookup {
    looks: Looks,
    openers: Pace,
    report: Pace,
}

/// How often something is looked up.
struct Pace {
    least: Duration,
    began: Option<Instant>,
    took: Duration,
}

impl Lookup {
    /// Nothing looked up yet.
    pub fn new(looks: Looks) -> Self {
        Self {
            looks,
            openers: Pace::new(OPENERS),
            report: Pace::new(REPORT),
        }
    }

    /// Has a tuple looked at closely.
    pub fn report(&mut self, tuple: &Tuple, chronicle: &Chronicle) {
        if self.looks.report(tuple, chronicle) {
            self.report.begin();
        }
    }

    /// Learns from what happened, and looks again where it is time to.
    pub fn keep_up(&mut self, item: &Item, app: &App) {
        match item {
            Item::Openers(_) => self.openers.end(),
            Item::Report(_) => self.report.end(),
            Item::Interval(_) => self.look(app),
            Item::Event(_) => {}
        }
    }

    fn look(&mut self, app: &App) {
        if self.openers.is_due() && self.looks.openers() {
            self.openers.begin();
        }
        if let Some(tuple) = app.detail().filter(|_| !app.is_still())
            && self.report.is_due()
        {
            self.report(tuple, app.chronicle());
        }
    }
}

impl Pace {
    fn new(least: Duration) -> Self {
        Self {
            least,
            began: None,
            took: Duration::ZERO,
        }
    }

    fn is_due(&self) -> bool {
        let pause = self.least.max(self.took.saturating_mul(REST));
        self.began.is_none_or(|began| began.elapsed() >= pause)
    }

    fn begin(&mut self) {
        self.began = Some(Instant::now());
    }

    fn end(&mut self) {
        self.took = self.began.map_or(self.took, |began| began.elapsed());
    }
}
