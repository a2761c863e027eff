//! Forecasts beside what the simulated kernel then did.

mod sawtooth;

use std::time::Duration;

use super::{
    EtaWarning, Forecast, History,
    simulator::{Connection, Run, Scenario, run},
    since_birth,
};
use crate::model::{Usage, testing::usage};

/// Ports of the default range.
const CAPACITY: u32 = 28_232;
const FOREVER: f64 = 1e9;

fn scenario(capacity: u32, connections: Vec<Connection>) -> Scenario {
    Scenario {
        capacity,
        interval: 1.0,
        wheel: 0.0,
        watched: (0.0, 400.0),
        reuse_after: None,
        connections,
    }
}

/// Connections at a steady rate, from one second to another.
fn steady(rate: f64, from: f64, to: f64, life: f64) -> Vec<Connection> {
    let count = ((to - from) * rate) as u32;
    let open = |n| from + f64::from(n) / rate;
    let connection = |n| Connection {
        open: open(n),
        life,
        time_wait: true,
    };
    (0..count).map(connection).collect()
}

/// The same at random times, of random lives up to twice `life`; some are closed by the peer.
fn random(seed: u64, rate: f64, to: f64, life: f64, by_peer: f64) -> Vec<Connection> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut at = 0.0;
    let mut connections = Vec::new();
    while at < to {
        at += -(1.0 - random.f64()).ln() / rate;
        connections.push(Connection {
            open: at,
            life: life * 2.0 * random.f64(),
            time_wait: random.f64() >= by_peer,
        });
    }
    connections
}

/// From half full on nearly every look must state the time to exhaustion, and each that does must
/// be right within 20 %, or a look's interval.
fn foretold(scenario: &Scenario) {
    foretold_within(scenario, scenario.interval);
}

/// The same with so many seconds in place of the interval.
fn foretold_within(scenario: &Scenario, least: f64) {
    let Run { looks, failed } = run(scenario);
    let failed = failed.expect("it fills");
    let late = looks.iter().filter(|look| look.usage.utilisation() >= 0.5);
    let (mut all, mut stated) = (0, 0);
    for look in late {
        all += 1;
        let Some(eta) = look.forecast.seconds_to_exhaustion else {
            continue;
        };
        stated += 1;
        let left = failed - look.at;
        assert!(
            (eta - left).abs() <= (0.2 * left).max(least),
            "{eta} of {left} s at {}",
            look.at
        );
    }
    assert!(all > 0 && stated * 10 >= all * 9, "{stated} of {all} looks");
}

/// Not one look may speak of an end.
fn never_foretold(scenario: &Scenario) {
    let Run { looks, failed } = run(scenario);
    assert_eq!(failed, None);
    for look in looks {
        assert_eq!(
            look.forecast.seconds_to_exhaustion, None,
            "at {} with {:?}",
            look.at, look.usage
        );
    }
}

/// How often a warning of a minute is told, and when first.
fn warnings(run: &Run) -> Vec<f64> {
    let mut warning = EtaWarning::default();
    let limit = Duration::from_secs(60);
    let told = run.looks.iter().filter(|look| {
        let now = Duration::from_secs_f64(look.at);
        warning.look(now, &look.usage, &look.forecast, limit)
    });
    told.map(|look| look.at).collect()
}

#[test]
fn a_steady_fill() {
    for rate in [8.0, 100.0, 331.0, 5_000.0] {
        let full = f64::from(CAPACITY) / rate;
        let mut fill = scenario(CAPACITY, steady(rate, 0.0, 2.0 * full, FOREVER));
        fill.watched.1 = 2.0 * full;
        fill.interval = if rate > 1_000.0 { 0.2 } else { 1.0 };
        foretold(&fill);
    }
}

#[test]
fn a_steady_fill_of_a_small_range() {
    foretold(&scenario(500, steady(10.0, 0.0, 100.0, FOREVER)));
}

#[test]
fn a_leak_that_was_there_before() {
    let mut leak = scenario(CAPACITY, steady(8.0, 0.0, 4_000.0, FOREVER));
    leak.watched = (1_800.0, 4_000.0);
    let Run { looks, failed } = run(&leak);
    let failed = failed.unwrap();
    let minute_on = &looks[60];
    let eta = minute_on.forecast.seconds_to_exhaustion.unwrap();
    let left = failed - minute_on.at;
    assert!((eta - left).abs() < 0.2 * left, "{eta} of {left}");
}

#[test]
fn a_burst_after_a_calm() {
    // Half full after two seconds, and up to a minute.
    for half in 4..120 {
        let rate = f64::from(CAPACITY) / f64::from(half);
        let mut connections = steady(2.0, 0.0, 400.0, 1.0);
        connections.extend(steady(rate, 200.0, 400.0, FOREVER));
        let mut burst = scenario(CAPACITY, connections);
        burst.interval = 0.5;
        foretold(&burst);
    }
}

#[test]
fn a_burst_that_stays_below() {
    let mut connections = steady(2.0, 0.0, 400.0, 1.0);
    connections.extend(steady(3_000.0, 200.0, 203.0, FOREVER));
    let Run { looks, failed } = run(&scenario(CAPACITY, connections));
    assert_eq!(failed, None);
    for look in looks.iter().filter(|look| look.at > 208.0) {
        assert_eq!(look.forecast.seconds_to_exhaustion, None, "at {}", look.at);
    }
}

#[test]
fn a_churn_that_fits_has_no_end() {
    for (life, wheel) in [(0.002, 0.0), (0.002, 2.048), (0.002, 4.096), (5.0, 2.048)] {
        let mut churn = scenario(CAPACITY, steady(331.0, 0.0, 400.0, life));
        churn.wheel = wheel;
        never_foretold(&churn);
    }
}

#[test]
fn a_churn_that_fits_has_no_end_whenever_the_looks_begin() {
    for begin in [1.0, 10.0, 30.0, 59.0, 75.0] {
        let mut churn = scenario(CAPACITY, steady(400.0, 0.0, 400.0, 0.01));
        churn.watched.0 = begin;
        churn.wheel = 2.048;
        never_foretold(&churn);
    }
}

#[test]
fn a_churn_that_fits_has_no_end_at_random() {
    for seed in 0..20 {
        let by_peer = [0.0, 0.3][seed as usize % 2];
        let life = [0.01, 1.0, 5.0][seed as usize % 3];
        let mut churn = scenario(CAPACITY, random(seed, 331.0, 400.0, life, by_peer));
        churn.wheel = 2.048;
        churn.watched.0 = 3.0 * seed as f64;
        never_foretold(&churn);
    }
}

#[test]
fn a_churn_in_bursts_that_fits_is_no_alarm() {
    let bursts = (0..40).map(|n| f64::from(n) * 10.0);
    let connections = bursts.flat_map(|from| steady(3_310.0, from, from + 1.0, 0.01));
    let run = run(&scenario(CAPACITY, connections.collect()));
    assert_eq!(run.failed, None);
    assert!(warnings(&run).is_empty());
}

#[test]
fn a_churn_that_does_not_fit_is_foretold() {
    for begin in [0.0, 20.0] {
        let mut churn = scenario(CAPACITY, steady(500.0, 0.0, 400.0, 0.01));
        churn.watched.0 = begin;
        let run = run(&churn);
        let warnings = warnings(&run);
        assert!(
            matches!(warnings[..], [first] if first < 45.0),
            "{begin}: {warnings:?}"
        );
        if begin == 0.0 {
            foretold(&churn);
        }
    }
}

#[test]
fn fills_at_random() {
    for seed in 0..20 {
        let mut fill = scenario(CAPACITY, random(seed, 200.0, 400.0, FOREVER, 0.0));
        fill.connections.extend(random(seed, 50.0, 400.0, 1.0, 0.5));
        foretold(&fill);
        let warnings = warnings(&run(&fill));
        assert_eq!(warnings.len(), 1, "{warnings:?}");
    }
}

#[test]
fn what_connect_may_reuse_is_not_in_its_way() {
    let mut churn = scenario(2_000, steady(100.0, 0.0, 400.0, 0.01));
    churn.reuse_after = Some(1.0);
    never_foretold(&churn);
}

fn looks(looks: impl IntoIterator<Item = (u64, u32)>) -> History {
    let mut history = History::new();
    for (millis, used) in looks {
        let opened = u64::from(used);
        history.push(Duration::from_millis(millis), &usage(used, 500), opened);
    }
    history
}

fn both(rate: f64, eta: f64) -> Forecast {
    Forecast {
        rate: Some(rate),
        seconds_to_exhaustion: Some(eta),
    }
}

fn forecast(history: &History, used: u32) -> Forecast {
    history.forecast(&usage(used, 500))
}

#[test]
fn nothing_is_told_without_two_looks() {
    assert_eq!(forecast(&looks([]), 50), Forecast::default());
    assert_eq!(forecast(&looks([(0, 50)]), 50), Forecast::default());
    let close = looks([(0, 50), (100, 90)]);
    assert_eq!(forecast(&close, 90), Forecast::default());
}

#[test]
fn a_fill_that_just_began_is_not_averaged_with_the_calm_before() {
    let calm = (0..=20).map(|s| (s * 1000, 3));
    let fill = looks(calm.chain([(20_500, 150), (21_000, 303)]));
    assert_eq!(forecast(&fill, 303), both(300.0, 197.0 / 300.0));
}

#[test]
fn a_drain_that_just_began_is_no_fill_any_more() {
    let fill = (0..=10).map(|s| (s * 1000, s as u32 * 40));
    let drain = looks(fill.chain([(10_500, 330), (11_000, 220)]));
    let forecast = forecast(&drain, 220);
    assert_eq!(forecast.rate, Some(-180.0));
    assert_eq!(forecast.seconds_to_exhaustion, None);
}

#[test]
fn a_ripple_on_a_plateau_is_no_fill() {
    let plateau = looks((0..=120).map(|s| (s * 1000, 300 + (s as u32 % 2) * 4)));
    let forecast = forecast(&plateau, 300);
    assert!(forecast.rate.unwrap().abs() < 1.0);
    assert_eq!(forecast.seconds_to_exhaustion, None);
}

#[test]
fn a_full_tuple_that_still_grew_ends_now() {
    let full = looks([(0, 0), (1000, 500)]);
    assert_eq!(forecast(&full, 500), both(500.0, 0.0));
}

#[test]
fn rare_looks_still_make_a_rate() {
    let rare = looks([(0, 0), (60_000, 200), (120_000, 400)]);
    assert_eq!(forecast(&rare, 400), both(200.0 / 60.0, 30.0));
}

#[test]
fn a_late_event_is_ignored() {
    let late = looks([(1000, 100), (2000, 200), (3000, 300), (1500, 400)]);
    assert_eq!(forecast(&late, 300), both(100.0, 2.0));
}

#[test]
fn a_storm_of_looks_stays_small() {
    let storm = looks((0..100_000).map(|ms| (ms, ms as u32)));
    assert!(storm.len() <= 40, "{}", storm.len());
    let rate = forecast(&storm, 500).rate.unwrap();
    assert!((rate - 1000.0).abs() < 1.0, "{rate}");
}

#[test]
fn no_counts_are_too_wild() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut history = History::new();
    for _ in 0..20_000 {
        let wild = Usage {
            used: random.u32(..),
            time_wait: random.u32(..),
            reclaimable: random.bool().then(|| random.u32(..)),
            capacity: random.u32(..),
            room: None,
        };
        let at = Duration::from_millis(random.u64(..) >> random.u32(0..64));
        history.push(at, &wild, random.u64(..));
        let _ = history.forecast(&wild);
    }
}

#[test]
fn one_look_and_a_birth_make_a_rate_once_old_enough() {
    let young = Duration::from_millis(199);
    assert_eq!(since_birth(&usage(100, 150), young), Forecast::default());
    let old = Duration::from_secs(2);
    assert_eq!(since_birth(&usage(100, 150), old), both(50.0, 1.0));
    let none = since_birth(&usage(0, 50), old).seconds_to_exhaustion;
    assert_eq!(none, None);
    // So little says nothing of so long a time.
    let hardly = since_birth(&usage(1, 150), old).seconds_to_exhaustion;
    assert_eq!(hardly, None);
}
