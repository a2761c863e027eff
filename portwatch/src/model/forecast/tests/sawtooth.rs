//! Fills that go to and fro.

use super::{CAPACITY, Connection, FOREVER, Run, foretold_within, run, scenario, steady, warnings};

#[test]
fn a_sawtooth_that_climbs() {
    // Forty a second that stay, and every ten seconds eighty that go again.
    let mut connections = steady(40.0, 0.0, 1_000.0, FOREVER);
    for tooth in 0..100 {
        let from = f64::from(tooth) * 10.0;
        let life = |n: u32| 9.0 - f64::from(n) * 0.05;
        connections.extend((0..80).map(|n| Connection {
            open: from + f64::from(n) * 0.05,
            life: life(n),
            time_wait: false,
        }));
    }
    let mut sawtooth = scenario(10_000, connections);
    sawtooth.watched.1 = 1_000.0;
    let Run { looks, failed } = run(&sawtooth);
    let failed = failed.unwrap();
    let late = looks.iter().filter(|look| look.usage.utilisation() >= 0.5);
    let mut stated = 0;
    for look in late {
        let Some(eta) = look.forecast.seconds_to_exhaustion else {
            continue;
        };
        stated += 1;
        let left = failed - look.at;
        // A tooth is two seconds of the climb.
        let tolerance = (0.2 * left).max(4.0);
        assert!((eta - left).abs() <= tolerance, "{eta} of {left}");
    }
    assert!(stated > 60, "{stated}");
}

/// The same against a thousand ports, with teeth of half a second of the climb, wherever the looks
/// meet them.
#[test]
fn a_fast_sawtooth_that_climbs() {
    for phase in 0..100 {
        let mut connections = steady(40.0, 0.0, 40.0, FOREVER);
        for tooth in 0..20 {
            let from = 2.0 * f64::from(tooth);
            connections.extend((0..20).map(|n| Connection {
                open: from + f64::from(n) / 40.0,
                life: 1.5,
                time_wait: false,
            }));
        }
        let mut sawtooth = scenario(1_000, connections);
        sawtooth.interval = 0.2;
        sawtooth.watched.0 = 0.002 * f64::from(phase);
        foretold_within(&sawtooth, 1.0);
    }
}

#[test]
fn a_sawtooth_that_stays_below_is_no_alarm() {
    let mut connections = Vec::new();
    for tooth in 0..20 {
        let from = f64::from(tooth) * 17.0;
        connections.extend((0..8_000).map(|n| Connection {
            open: from + f64::from(n) * 0.0015,
            life: 15.0 - f64::from(n) * 0.0015,
            time_wait: false,
        }));
    }
    let run = run(&scenario(CAPACITY, connections));
    assert_eq!(run.failed, None);
    assert!(warnings(&run).is_empty());
}
