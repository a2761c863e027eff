//! A kernel of one tuple: connections live for a time, then hold their port for a minute more.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use super::History;
use crate::model::{Forecast, Usage};

/// A connection to be: when it is opened, how long it lives, seconds; whether this side closes it
/// first, which leaves a TIME_WAIT.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    pub open: f64,
    pub life: f64,
    pub time_wait: bool,
}

/// What happens to a tuple.
pub struct Scenario {
    pub capacity: u32,
    /// Seconds between two looks.
    pub interval: f64,
    /// TIME_WAIT timers run at whole multiples of this many seconds, as the timer wheel lets them;
    /// 0 for exactly.
    pub wheel: f64,
    /// When the looks begin, and end, in seconds.
    pub watched: (f64, f64),
    /// What is reclaimable of TIME_WAIT: those older than so many seconds.
    pub reuse_after: Option<f64>,
    pub connections: Vec<Connection>,
}

/// A forecast beside what it spoke of.
#[derive(Debug)]
pub struct Look {
    /// Seconds.
    pub at: f64,
    pub usage: Usage,
    pub forecast: Forecast,
}

/// The looks, up to the first failure, and when that was.
pub struct Run {
    pub looks: Vec<Look>,
    pub failed: Option<f64>,
}

/// A moment in a heap, soonest first. Times are not negative, so that their bits sort as they do.
type Soonest = BinaryHeap<Reverse<u64>>;

fn take_until(heap: &mut Soonest, now: f64) -> Option<f64> {
    let Reverse(bits) = *heap.peek()?;
    let when = f64::from_bits(bits);
    (when <= now).then(|| {
        heap.pop();
        when
    })
}

#[derive(Default)]
struct Kernel {
    /// When live connections that leave TIME_WAIT behind close, and when the others do.
    closes: Soonest,
    vanishes: Soonest,
    /// When TIME_WAIT ends; with its age known from that.
    ends: Soonest,
    opened: u64,
}

impl Kernel {
    fn advance(&mut self, now: f64, wheel: f64) {
        while let Some(when) = take_until(&mut self.closes, now) {
            let end = when + 60.0;
            let late = if wheel > 0.0 {
                (end / wheel).ceil() * wheel
            } else {
                end
            };
            self.ends.push(Reverse(late.to_bits()));
        }
        while take_until(&mut self.vanishes, now).is_some() {}
        while take_until(&mut self.ends, now).is_some() {}
    }

    fn used(&self) -> usize {
        self.closes.len() + self.vanishes.len() + self.ends.len()
    }

    fn usage(&self, now: f64, scenario: &Scenario) -> Usage {
        let reclaimable = scenario.reuse_after.map(|age| {
            let old = |end: &&Reverse<u64>| f64::from_bits(end.0) <= now + 60.0 - age;
            self.ends.iter().filter(old).count() as u32
        });
        Usage {
            used: self.used() as u32,
            time_wait: self.ends.len() as u32,
            reclaimable,
            capacity: scenario.capacity,
        }
    }
}

/// Runs a scenario and makes a forecast at every look.
pub fn run(scenario: &Scenario) -> Run {
    let mut coming = scenario.connections.clone();
    coming.sort_by(|a, b| a.open.total_cmp(&b.open));
    let mut coming = coming.into_iter().peekable();
    let mut kernel = Kernel::default();
    let mut history = History::new();
    let mut run = Run {
        looks: Vec::new(),
        failed: None,
    };
    let (mut now, end) = scenario.watched;
    while now <= end {
        while let Some(next) = coming.next_if(|next| next.open <= now) {
            kernel.advance(next.open, scenario.wheel);
            if kernel.used() >= scenario.capacity as usize {
                if kernel.usage(next.open, scenario).headroom() == 0 {
                    run.failed = Some(next.open);
                    return run;
                }
                // connect takes over a port in TIME_WAIT; here the oldest.
                kernel.ends.pop();
            }
            kernel.opened += 1;
            let close = Reverse((next.open + next.life).to_bits());
            if next.time_wait {
                kernel.closes.push(close);
            } else {
                kernel.vanishes.push(close);
            }
        }
        kernel.advance(now, scenario.wheel);
        let usage = kernel.usage(now, scenario);
        history.push(Duration::from_secs_f64(now), &usage, kernel.opened);
        assert!(history.len() <= 40, "{} looks are kept", history.len());
        run.looks.push(Look {
            at: now,
            usage,
            forecast: history.forecast(&usage),
        });
        now += scenario.interval;
    }
    run
}
