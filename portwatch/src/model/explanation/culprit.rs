//! Who or what is to blame.

use super::{
    Culprit, Facts,
    number::{grouped, rounded},
    widening,
};
use crate::model::Usage;

/// From this share of its capacity on a tuple is short of ports: from there on the port search
/// gets slow, too.
const SHORT: f64 = 0.5;
/// Of the connections opened this share at most is closed where there is a leak.
const HARDLY_ANY: f64 = 0.1;
/// A range that can grow by this share of the capacity is narrow.
const WORTHWHILE: f64 = 0.25;

/// The culprit; none where nothing is short, or the facts don't tell.
pub(super) fn culprit(facts: &Facts) -> Option<Culprit> {
    if !is_short(facts) {
        let elsewhere = facts.failed_elsewhere.is_some_and(|failed| failed > 0);
        return elsewhere.then_some(Culprit::NotHere);
    }
    let (live, waiting, stolen) = (facts.live(), facts.waiting(), facts.stolen());
    let held = u64::from(live) + u64::from(waiting) + u64::from(stolen);
    if facts.usable() == 0 {
        return Some(Culprit::NarrowRange);
    }
    let at_the_end = facts.failures.exhausted() > 0 || facts.usage.capacity == 0;
    if at_the_end && held * 2 < u64::from(facts.usable()) {
        // Somebody else has the rest, and nobody looked who.
        return None;
    }
    Some(if stolen > live.max(waiting) {
        Culprit::Thief
    } else if waiting >= live {
        Culprit::Churn
    } else if leaks(facts) {
        Culprit::Leak
    } else if is_narrow(facts) {
        Culprit::NarrowRange
    } else {
        Culprit::TooFewPeers
    })
}

fn is_short(facts: &Facts) -> bool {
    let blocked = facts.blocked_by(|_| true);
    let usage = Usage {
        reclaimable: Some(facts.reclaimable()),
        ..facts.usage
    };
    usage.utilisation() >= SHORT
        || facts.failures.exhausted() > 0
        || facts.forecast.seconds_to_exhaustion.is_some()
        || u64::from(blocked) * 2 >= u64::from(facts.usable())
}

fn leaks(facts: &Facts) -> bool {
    facts.live_trend.is_some_and(|trend| {
        let closed = (trend.opened - trend.growth).max(0.0);
        trend.growth > 0.0 && closed <= HARDLY_ANY * trend.opened
    })
}

fn is_narrow(facts: &Facts) -> bool {
    let gain = match widening::best(facts) {
        Some(wider) => wider.gain,
        None if facts.listeners.is_none() => widening::at_most(facts),
        None => 0,
    };
    f64::from(gain) >= WORTHWHILE * f64::from(facts.usage.capacity)
}

/// The facts that speak for the conclusion.
pub(super) fn reason(facts: &Facts, culprit: Option<Culprit>) -> String {
    let mut parts = vec![holdings(facts)];
    let trend = facts.live_trend;
    match culprit {
        Some(Culprit::Leak) => parts.extend(trend.map(|trend| {
            format!(
                "{} are opened a second and {} closed",
                rounded(trend.opened),
                match rounded((trend.opened - trend.growth).max(0.0)).as_str() {
                    "0" => "none",
                    closed => closed,
                },
            )
        })),
        Some(Culprit::Churn) => parts.extend(trend.map(|trend| {
            format!(
                "{} connections are opened a second, and each holds its port for 60 s more",
                rounded(trend.opened)
            )
        })),
        Some(Culprit::NotHere) => {
            parts.push("connections fail, but not for want of a port on this host".to_owned())
        }
        None if is_short(facts) => {
            parts.push("who holds the rest of the range is not known".to_owned())
        }
        _ => {}
    }
    parts.extend(failures(facts));
    parts.join("; ")
}

/// `of 28,232 ports 13 are live and 21,517 in TIME_WAIT`.
fn holdings(facts: &Facts) -> String {
    let (waiting, live) = (facts.waiting(), facts.live());
    let mut text = format!(
        "of {} ports {} {} live and {} in TIME_WAIT",
        grouped(facts.usable()),
        grouped(live),
        if live == 1 { "is" } else { "are" },
        grouped(waiting),
    );
    let reclaimable = facts.reclaimable();
    if reclaimable > 0 {
        text += &format!(" (beside {} that may be reused)", grouped(reclaimable));
    }
    if facts.blocked.is_some() {
        text += &format!(", {} are held through bind", grouped(facts.stolen()));
    }
    text
}

fn failures(facts: &Facts) -> Option<String> {
    let failures = &facts.failures;
    let paths = [
        (failures.connect, "connect: EADDRNOTAVAIL"),
        (failures.bind, "bind: EADDRINUSE"),
        (failures.udp, "UDP: EAGAIN"),
        (
            failures.conflict,
            "a bound port that has this connection already",
        ),
        (failures.no_source_address, "no source address"),
    ];
    let told = paths.into_iter().filter_map(|(count, path)| {
        let count = count.filter(|count| *count > 0)?;
        Some(format!("{} ({path})", grouped(count)))
    });
    let told: Vec<_> = told.collect();
    (!told.is_empty()).then(|| format!("failed: {}", told.join(", ")))
}
