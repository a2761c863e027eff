use std::{future, io, time::Duration};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

/// Time between two looks at whether anybody still reads the output. A closed pipe shows when
/// something is written too; this is for quiet times.
const LOOK: Duration = Duration::from_millis(500);

/// Time between two looks at whether a full output has room again.
const TURN: Duration = Duration::from_millis(10);

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
/// Signals are caught from the call on, the duration counts from the first poll. To be called
/// inside a tokio runtime.
///
/// # Errors
/// The future's: when signals can't be caught.
pub(super) fn end(duration: Option<Duration>) -> impl Future<Output = io::Result<End>> {
    let asked = asked(duration);
    async move {
        tokio::select! {
            asked = asked => asked,
            () = closed() => Ok(End::Closed),
        }
    }
}

/// As [`end`], for what does not write to stdout.
///
/// # Errors
/// As for [`end`].
pub(super) fn asked(duration: Option<Duration>) -> impl Future<Output = io::Result<End>> {
    let interrupt = signal(SignalKind::interrupt());
    let terminate = signal(SignalKind::terminate());
    async move {
        let (mut interrupt, mut terminate) = (interrupt?, terminate?);
        tokio::select! {
            _ = interrupt.recv() => Ok(End::Asked),
            _ = terminate.recv() => Ok(End::Asked),
            () = over(duration) => Ok(End::Asked),
        }
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
    stdout_is(PollFlags::ERR | PollFlags::HUP)
}

/// Waits until stdout takes a line without waiting.
pub(super) async fn writable() {
    while !is_writable() {
        sleep(TURN).await;
    }
}

/// Whether stdout takes a line now: a pipe that has room for 4096 bytes, a terminal that is not
/// stopped, any file. A closed pipe counts, for writing to it tells at once.
pub(super) fn is_writable() -> bool {
    stdout_is(PollFlags::OUT | PollFlags::ERR | PollFlags::HUP)
}

/// Whether poll(2) reports any of these for stdout.
fn stdout_is(flags: PollFlags) -> bool {
    let stdout = rustix::stdio::stdout();
    let mut polled = [PollFd::new(&stdout, flags)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut polled, Some(&at_once)).is_ok()
        && polled.iter().any(|fd| fd.revents().intersects(flags))
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal, getpid, kill_process};
    use tokio::time::timeout;

    use super::{Duration, End, end};

    #[tokio::test]
    async fn a_signal_before_the_first_poll_is_not_missed() {
        let end = end(None);
        kill_process(getpid(), Signal::TERM).unwrap();
        let ended = timeout(Duration::from_secs(10), end).await;
        assert_eq!(ended.unwrap().unwrap(), End::Asked);
    }

    #[tokio::test]
    async fn the_duration_ends_it() {
        let ended = timeout(Duration::from_secs(10), end(Some(Duration::from_millis(1)))).await;
        assert_eq!(ended.unwrap().unwrap(), End::Asked);
    }
}
