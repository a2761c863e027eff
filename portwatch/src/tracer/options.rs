use std::{fmt, time::Duration};

use crate::model::Ratios;

/// Everything that can be chosen about a tracer.
#[derive(Clone, Debug)]
pub struct Options {
    /// Hook set to use; none lets the tracer choose.
    pub hooks: Option<HookSet>,
    /// How TIME_WAIT is followed; none lets the tracer choose.
    pub time_wait: Option<TimeWait>,
    /// Watch the result of connect(2): tells missing source addresses and confirms failures, at
    /// the price of the kernel's slow path for every system call of the machine. With hooks other
    /// than `fentry`, the results of bind(2) and its like, too.
    pub connect_errno: bool,
    /// From how full on a tuple is worth an alert.
    pub ratios: Ratios,
    /// Sockets that can be tracked.
    pub max_sockets: u32,
    /// Tuples that can be tracked.
    pub max_tuples: u32,
    /// Size of the ring buffer, bytes; rounded up to a power of two of pages.
    pub ring_bytes: u32,
    /// Level of the kernel side's own log, 0 (off) to 5, as `aya_log::Level` numbers them.
    pub bpf_log: u8,
    /// A port search that takes longer is slow; none for no look at it.
    pub slow_search: Option<Duration>,
    /// Tell when the forecast time to a tuple's exhaustion falls below this; none for never.
    pub eta_warning: Option<Duration>,
    /// Time between two looks at the counters.
    pub interval: Duration,
    /// Time between two sweeps; none for the default of the way TIME_WAIT is followed.
    pub sweep_interval: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hooks: None,
            time_wait: None,
            connect_errno: true,
            ratios: Ratios::default(),
            max_sockets: 262_144,
            max_tuples: 65_536,
            ring_bytes: 256 * 1024,
            bpf_log: 0,
            slow_search: Some(Duration::from_micros(250)),
            eta_warning: None,
            interval: Duration::from_secs(1),
            sweep_interval: None,
        }
    }
}

/// A family of attach points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookSet {
    /// Trampolines on the functions themselves, entered and left, beside `inet_sock_set_state`.
    Fentry,
    /// Probes on the same functions, entered only, beside the tracepoints.
    Kprobe,
    /// `tp_btf` programs on `inet_sock_set_state`, `timer_start`, `timer_cancel` and `sys_exit`.
    Tracepoint,
}

impl HookSet {
    /// Every one, best first.
    pub const ALL: [Self; 3] = [Self::Fentry, Self::Kprobe, Self::Tracepoint];

    /// Its name on the command line and in the output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fentry => "fentry",
            Self::Kprobe => "kprobe",
            Self::Tracepoint => "tracepoint",
        }
    }
}

impl fmt::Display for HookSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How TIME_WAIT mini-sockets enter and leave the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeWait {
    /// By their timers' tracepoints: exact at every moment.
    Events,
    /// By sweeps alone: between two sweeps their ports are missing from the counts.
    Sweep,
}

impl TimeWait {
    /// Time between two sweeps when nobody chose one: where events keep the set, a sweep only
    /// checks them.
    #[must_use]
    pub const fn default_sweep_interval(self) -> Duration {
        Duration::from_secs(match self {
            Self::Events => 60,
            Self::Sweep => 5,
        })
    }
}
