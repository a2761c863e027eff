use std::{
    future,
    time::{Duration, Instant},
};

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::{model::Standing, output::escape};

/// Time between two tellings of the status.
const STATUS: Duration = Duration::from_secs(5);

/// The service manager, if there is one: everything is told to the socket `NOTIFY_SOCKET`.
pub(super) struct Manager {
    watchdog: Option<Interval>,
    told: Option<Instant>,
    ready: bool,
}

impl Manager {
    /// Nothing told yet. To be called inside a tokio runtime.
    pub fn new() -> Self {
        let watchdog = sd_notify::watchdog_enabled().map(|within| {
            let half = (within / 2).max(Duration::from_millis(1));
            let mut watchdog = interval(half);
            watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
            watchdog
        });
        Self {
            watchdog,
            told: None,
            ready: false,
        }
    }

    /// Waits until it is time to tell the watchdog; for ever where there is none.
    pub async fn watchdog(&mut self) {
        match &mut self.watchdog {
            Some(watchdog) => drop(watchdog.tick().await),
            None => future::pending().await,
        }
    }

    /// All is well.
    pub fn alive(&self) {
        tell(&[NotifyState::Watchdog]);
    }

    /// An interval went by; the first one means that the start is over.
    pub fn counted(&mut self, standing: &Standing) {
        if self.told.is_some_and(|told| told.elapsed() < STATUS) {
            return;
        }
        self.told = Some(Instant::now());
        let status = status(standing);
        if self.ready {
            tell(&[NotifyState::Status(&status)]);
        } else {
            self.ready = true;
            tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
        }
    }

    /// The file is read again.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    /// That is over.
    pub fn reloaded(&self) {
        // Before the first counts, nothing is ready that was not.
        if self.ready {
            tell(&[NotifyState::Ready]);
        }
    }

    /// The end has come.
    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::debug!("cannot tell the service manager: {error}");
    }
}

/// A line for `systemctl status`.
fn status(standing: &Standing) -> String {
    let fullest = standing.rows.first().map(|row| {
        format!(
            ", the fullest {} {} with {}/{} ports ({} %)",
            escape(&row.netns),
            escape(&row.tuple),
            row.usage.used,
            row.usage.capacity,
            (row.usage.utilisation() * 100.0).floor(),
        )
    });
    format!(
        "{} tuples{}; {} connects found no port",
        standing.tuples,
        fullest.unwrap_or_default(),
        standing.totals.exhausted
    )
}
