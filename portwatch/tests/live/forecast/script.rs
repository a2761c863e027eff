//! What is to happen to a tuple, and when.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    net::TcpListener,
    ops::Range,
    time::{Duration, Instant},
};

use socket2::Socket;

use super::{churn, connect};
use crate::support::socket;

/// How a connection ends.
#[derive(Clone, Copy)]
pub enum End {
    /// Not before the script does.
    Never,
    /// After so long, at once and without a trace.
    Reset(Duration),
    /// As soon as it was made, in TIME_WAIT.
    TimeWait,
}

/// Connections to be, in the order in which they were asked for.
#[derive(Default)]
pub struct Script {
    opens: Vec<(Duration, End)>,
}

impl Script {
    pub fn new() -> Self {
        Self::default()
    }

    /// So many a second more, from one second to another.
    pub fn open(mut self, rate: f64, seconds: Range<f64>, end: End) -> Self {
        let count = ((seconds.end - seconds.start) * rate) as u32;
        let at = |n: u32| Duration::from_secs_f64(seconds.start + f64::from(n) / rate);
        self.opens.extend((0..count).map(|n| (at(n), end)));
        self
    }

    /// Makes the connections from the calling thread's namespace, each at its time, up to the first
    /// that finds no port.
    pub fn play(mut self, listener: &TcpListener) {
        self.opens.sort_by_key(|(at, _)| *at);
        let begin = Instant::now();
        let mut open = Vec::new();
        let mut resets = Resets::default();
        for (at, end) in self.opens {
            while let Some(sooner) = resets.next(at) {
                wait_until(begin + sooner);
                resets.make();
            }
            wait_until(begin + at);
            if matches!(end, End::TimeWait) {
                if !churn(listener) {
                    return;
                }
                continue;
            }
            match (connect(), end) {
                (Some(client), End::Reset(life)) => resets.later(at + life, client),
                (Some(client), _) => open.push(client),
                (None, _) => return,
            }
        }
    }
}

fn wait_until(moment: Instant) {
    std::thread::sleep(moment.saturating_duration_since(Instant::now()));
}

/// Connections that are to be reset.
#[derive(Default)]
struct Resets {
    order: BinaryHeap<Reverse<(Duration, usize)>>,
    sockets: Vec<Option<Socket>>,
}

impl Resets {
    fn later(&mut self, at: Duration, client: Socket) {
        self.order.push(Reverse((at, self.sockets.len())));
        self.sockets.push(Some(client));
    }

    /// When the next one is due, if that is by then.
    fn next(&self, by: Duration) -> Option<Duration> {
        let Reverse((at, _)) = self.order.peek()?;
        (*at <= by).then_some(*at)
    }

    fn make(&mut self) {
        if let Some(Reverse((_, place))) = self.order.pop() {
            self.sockets[place]
                .take()
                .into_iter()
                .for_each(socket::reset);
        }
    }
}
