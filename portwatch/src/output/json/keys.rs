//! Groups of keys that several objects share.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{Forecast, Namespace, States, Tuple, TupleSample, Usage, state};

#[derive(Serialize)]
pub(super) struct TupleKeys<'a> {
    netns: u32,
    netns_name: Option<&'a str>,
    local_ip: Option<IpAddr>,
    peer_ip: IpAddr,
    peer_port: u16,
    /// Interface index; null for a socket that is not bound to a device.
    bound_dev: Option<u32>,
}

#[derive(Default, Serialize)]
pub(super) struct UsageKeys {
    used: Option<u32>,
    time_wait: Option<u32>,
    reclaimable: Option<u32>,
    capacity: Option<u32>,
    headroom: Option<u32>,
    /// Where the last ports depend on the kernel's choice, or can't be told.
    headroom_max: Option<u32>,
    utilisation: Option<f64>,
}

#[derive(Default, Serialize)]
pub(super) struct ForecastKeys {
    rate: Option<f64>,
    seconds_to_exhaustion: Option<f64>,
}

#[derive(Serialize)]
pub(super) struct NamespaceKeys<'a> {
    netns: u32,
    name: Option<&'a str>,
    range: [u16; 2],
    reserved: u32,
    blocked: Option<u32>,
    tw_reuse: Option<u8>,
    capacity: u32,
    unreachable: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct SampleKeys<'a> {
    #[serde(flatten)]
    tuple: TupleKeys<'a>,
    #[serde(flatten)]
    usage: UsageKeys,
    #[serde(flatten)]
    forecast: ForecastKeys,
    exhausted: u64,
    conflict: u64,
    untracked: u32,
    states: Option<StateKeys>,
}

/// Connections by state; the kernel's names.
#[derive(Serialize)]
pub(super) struct StateKeys {
    established: u32,
    syn_sent: u32,
    syn_recv: u32,
    fin_wait1: u32,
    fin_wait2: u32,
    time_wait: u32,
    close_wait: u32,
    last_ack: u32,
    closing: u32,
}

impl<'a> TupleKeys<'a> {
    pub fn new(tuple: &'a Tuple) -> Self {
        Self {
            netns: tuple.netns.inum,
            netns_name: tuple.netns.name.as_deref(),
            local_ip: tuple.local_ip,
            peer_ip: tuple.peer_ip,
            peer_port: tuple.peer_port,
            bound_dev: (tuple.bound_dev != 0).then_some(tuple.bound_dev),
        }
    }
}

impl UsageKeys {
    pub fn new(usage: &Usage) -> Self {
        Self {
            used: Some(usage.used),
            time_wait: Some(usage.time_wait),
            reclaimable: usage.reclaimable,
            capacity: Some(usage.capacity),
            headroom: Some(usage.headroom().sure),
            headroom_max: Some(usage.headroom().most),
            utilisation: Some(thousandths(usage.utilisation())),
        }
    }
}

impl ForecastKeys {
    pub fn new(forecast: &Forecast) -> Self {
        Self {
            rate: forecast.rate.map(thousandths),
            seconds_to_exhaustion: forecast.seconds_to_exhaustion.map(thousandths),
        }
    }
}

impl<'a> NamespaceKeys<'a> {
    pub fn new(namespace: &'a Namespace) -> Self {
        Self {
            netns: namespace.id.inum,
            name: namespace.id.name.as_deref(),
            range: [namespace.range.low, namespace.range.high],
            reserved: namespace.reserved,
            blocked: namespace.blocked,
            tw_reuse: namespace.tw_reuse,
            capacity: namespace.capacity(),
            unreachable: namespace.unreachable.as_deref(),
        }
    }
}

impl<'a> SampleKeys<'a> {
    pub fn new(sample: &'a TupleSample) -> Self {
        Self {
            tuple: TupleKeys::new(&sample.tuple),
            usage: UsageKeys::new(&sample.usage),
            forecast: ForecastKeys::new(&sample.forecast),
            exhausted: sample.exhausted,
            conflict: sample.conflict,
            untracked: sample.untracked,
            states: sample.states.as_ref().map(StateKeys::new),
        }
    }
}

impl StateKeys {
    pub fn new(states: &States) -> Self {
        let of = |state: u8| states.of(state);
        Self {
            established: of(state::ESTABLISHED),
            syn_sent: of(state::SYN_SENT),
            syn_recv: of(state::SYN_RECV),
            fin_wait1: of(state::FIN_WAIT1),
            fin_wait2: of(state::FIN_WAIT2),
            time_wait: of(state::TIME_WAIT),
            close_wait: of(state::CLOSE_WAIT),
            last_ack: of(state::LAST_ACK),
            closing: of(state::CLOSING),
        }
    }
}

/// RFC 3339, UTC, microseconds.
pub(super) fn time(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// Rounded to three decimals: more would be digits of no meaning.
fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
