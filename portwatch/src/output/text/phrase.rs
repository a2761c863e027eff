//! Numbers in words short enough for a column.

use std::time::Duration;

use crate::{
    model::{BindCause, BindFailure, Forecast, Process, Usage, container::short_id},
    output::escape,
};

/// `412/500 ports (82 %)`.
pub(in crate::output) fn usage(usage: &Usage) -> String {
    format!(
        "{}/{} ports ({})",
        usage.busy(),
        usage.capacity,
        percent(usage)
    )
}

/// `82 %`, rounded down: 100 % is full.
pub(in crate::output) fn percent(usage: &Usage) -> String {
    format!("{} %", (usage.utilisation() * 100.0).floor())
}

/// `+31/s, exhausted in 3 s, 20 in TIME_WAIT`: as much of it as is known.
pub(in crate::output) fn trend(forecast: &Forecast, usage: &Usage) -> String {
    let mut parts = Vec::new();
    if let Some(rate) = forecast.rate {
        parts.push(per_second(rate));
    }
    if let Some(left) = forecast.seconds_to_exhaustion.and_then(until) {
        parts.push(format!("exhausted in {left}"));
    }
    if usage.time_wait > 0 {
        parts.push(format!("{} in TIME_WAIT", usage.time_wait));
    }
    parts.join(", ")
}

/// `port search took 912 µs`.
pub(in crate::output) fn search(took: Duration) -> String {
    let micros = took.as_micros();
    if micros < 10_000 {
        format!("port search took {micros} µs")
    } else {
        format!("port search took {} ms", took.as_millis())
    }
}

/// `haproxy[812] in haproxy.service`: the container, or else the last part of the cgroup path.
pub(in crate::output) fn process(process: &Process) -> String {
    let cgroup = process.cgroup.as_deref().unwrap_or_default();
    let place = match &process.container {
        Some(id) => short_id(id),
        None => cgroup.rsplit('/').next().unwrap_or_default(),
    };
    let who = format!("{}[{}]", escape(&process.comm), process.pid);
    if place.is_empty() {
        who
    } else {
        format!("{who} in {}", escape(place))
    }
}

/// `udp bind 127.0.0.1`: what was asked for, as far as it is known.
pub(in crate::output) fn bind(failure: &BindFailure) -> String {
    let call = match failure.cause {
        BindCause::TcpBind | BindCause::UdpBind => "bind",
        BindCause::UdpAutobind => "autobind",
    };
    let ip = failure.local_ip.map(|ip| ip.to_string());
    let device = match failure.bound_dev {
        0 => String::new(),
        index => format!("%{index}"),
    };
    format!(
        "{} {call} {}{device}",
        failure.cause.protocol(),
        ip.as_deref().unwrap_or("*")
    )
}

pub(in crate::output) fn per_second(rate: f64) -> String {
    if rate.abs() < 0.05 {
        "steady".to_owned()
    } else if rate.abs() < 9.95 {
        format!("{rate:+.1}/s")
    } else {
        format!("{rate:+.0}/s")
    }
}

/// A time in the greatest unit of which there are two, rounded down; none beyond a week, where a
/// rate of ten seconds says nothing.
pub(in crate::output) fn until(seconds: f64) -> Option<String> {
    const MINUTE: f64 = 60.0;
    const HOUR: f64 = 60.0 * MINUTE;
    const DAY: f64 = 24.0 * HOUR;
    Some(match seconds {
        s if s < 1.0 => "under 1 s".to_owned(),
        s if s < 2.0 * MINUTE => format!("{} s", s.floor()),
        s if s < 2.0 * HOUR => format!("{} min", (s / MINUTE).floor()),
        s if s < 2.0 * DAY => format!("{} h", (s / HOUR).floor()),
        s if s < 7.0 * DAY => format!("{} days", (s / DAY).floor()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Forecast, per_second, percent, trend, until};
    use crate::model::testing::usage;

    #[test]
    fn full_is_only_what_is_full() {
        assert_eq!(percent(&usage(0, 500)), "0 %");
        assert_eq!(percent(&usage(499, 500)), "99 %");
        assert_eq!(percent(&usage(500, 500)), "100 %");
        assert_eq!(percent(&usage(600, 500)), "120 %");
        assert_eq!(percent(&usage(0, 0)), "100 %");
    }

    #[test]
    fn rates_have_a_sign() {
        let cases = [
            (31.4, "+31/s"),
            (0.44, "+0.4/s"),
            (-9.96, "-10/s"),
            (0.01, "steady"),
        ];
        for (rate, expected) in cases {
            assert_eq!(per_second(rate), expected);
        }
    }

    #[test]
    fn times_get_coarser() {
        for (seconds, expected) in [
            (0.0, Some("under 1 s")),
            (3.9, Some("3 s")),
            (119.0, Some("119 s")),
            (120.0, Some("2 min")),
            (7200.0, Some("2 h")),
            (172_800.0, Some("2 days")),
            (604_800.0, None),
            (f64::INFINITY, None),
        ] {
            assert_eq!(until(seconds).as_deref(), expected, "{seconds}");
        }
    }

    #[test]
    fn nothing_known_is_nothing_said() {
        assert_eq!(trend(&Forecast::default(), &usage(1, 2)), "");
    }
}
