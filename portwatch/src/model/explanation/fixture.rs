//! Facts for the unit tests.

use super::{Facts, Failures, LiveTrend, Stranger};
use crate::model::{Forecast, PortRange, Usage};

/// The default range.
pub(super) const RANGE: PortRange = PortRange {
    low: 32_768,
    high: 60_999,
};

pub(super) fn stranger(pid: u32, comm: &str) -> Option<Stranger> {
    Some(Stranger {
        pid,
        comm: comm.to_owned(),
    })
}

/// A tuple of the default range to a peer elsewhere, of which little more is known.
pub(super) fn facts(live: u32, time_wait: u32) -> Facts {
    Facts {
        peer_ip: Some("10.0.0.9".parse().unwrap()),
        peer_port: Some(443),
        usage: Usage {
            used: live + time_wait,
            time_wait,
            reclaimable: None,
            capacity: RANGE.len(),
        },
        forecast: Forecast::default(),
        range: RANGE,
        reserved: Some(Vec::new()),
        blocked: None,
        process: None,
        peers: None,
        local_addresses: None,
        live_trend: None,
        failures: Failures::default(),
        failed_elsewhere: None,
        tw_reuse: Some(2),
        timestamps: None,
        loopback: false,
        listeners: Some(Vec::new()),
        enter: None,
    }
}

pub(super) fn trend(opened: f64, growth: f64) -> Option<LiveTrend> {
    Some(LiveTrend { opened, growth })
}
