use std::{future, io, time::Duration};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

/// Time between two looks at whether anybody still reads the output. A closed pipe shows when
/// something is written too; this is for quiet times.
const LOOK: Duration = Duration::from_millis(500);

/// Why a stream of events ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Its time is over, or somebody asked for it.
    Asked,
    /// Nobody reads the output any more.
    Closed,
}

/// Waits until it is time to end: the duration is over, SIGINT, SIGTERM, or a closed output.
///
/// # Errors
/// When signals can't be waited for.
pub(super) async fn end(duration: Option<Duration>) -> io::Result<End> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => Ok(End::Asked),
        _ = terminate.recv() => Ok(End::Asked),
        () = over(duration) => Ok(End::Asked),
        () = closed() => Ok(End::Closed),
    }
}

async fn over(duration: Option<Duration>) {
    match duration {
        Some(duration) => sleep(duration).await,
        None => future::pending().await,
    }
}

async fn closed() {
    while !is_closed() {
        sleep(LOOK).await;
    }
}

/// Whether stdout is a pipe or socket that nobody reads: the kernel then reports an error or
/// hang-up, whatever was asked for (`pipe_poll`).
fn is_closed() -> bool {
    let stdout = rustix::stdio::stdout();
    let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut polled, Some(&at_once)).is_ok()
        && polled
            .iter()
            .any(|fd| fd.revents().intersects(PollFlags::ERR | PollFlags::HUP))
}
