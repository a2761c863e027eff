//! Scripted fills: what the forecast stated at each look beside when the first connect then failed.

use std::time::Duration;

use super::script::{End, Script};
use crate::support::{event::Event, netns::Netns, server, watcher::Watcher};

const FIRST: u16 = 30_000;
const PORT: u16 = 8080;
/// More connections than a script makes.
const QUEUE: i32 = 10_000;
/// Closer than this nothing can be stated: looks that a forecast goes by are half a second apart.
const LOOK: f64 = 0.5;

/// One look of the tracer's at the tuple.
struct Look {
    /// Seconds.
    at: f64,
    used: u32,
    eta: Option<f64>,
}

/// Plays a script against so many ports, and returns the looks, and when connect failed first.
fn play(script: Script, capacity: u16) -> (Vec<Look>, Option<f64>) {
    let netns = Netns::named(FIRST..=FIRST + (capacity - 1));
    netns.sysctl("ipv4/tcp_tw_reuse", 0);
    // Nobody accepts those that stay or are reset.
    netns.sysctl("core/somaxconn", QUEUE);
    // A machine of little memory allows for less than a minute of churn.
    netns.sysctl("ipv4/tcp_max_tw_buckets", 100_000);
    let listener = server::listen_with(&netns, PORT, QUEUE);
    let watcher = Watcher::start(&[&netns], &["--counts"]);
    netns.run(|| script.play(&listener));
    // What happened up to here has been looked at.
    watcher.tick();
    let events = watcher.stop();
    let failed = events.iter().find(|event| event.is("exhausted"));
    let looks = events
        .iter()
        .filter(|event| event.is("sample"))
        .map(|sample| {
            assert_eq!(sample.small("capacity"), u32::from(capacity));
            Look {
                at: seconds(sample),
                used: sample.small("used"),
                eta: sample.0["seconds_to_exhaustion"].as_f64(),
            }
        });
    (looks.collect(), failed.map(seconds))
}

/// When an event was, seconds of the epoch.
fn seconds(event: &Event) -> f64 {
    let time: jiff::Timestamp = event.text("time").parse().expect("a time");
    time.as_nanosecond() as f64 / 1e9
}

/// From half full on nearly every look must state the time to exhaustion, right within 20 %, or
/// within `least` seconds.
fn foretold(script: Script, capacity: u16, least: f64) {
    let (looks, failed) = play(script, capacity);
    let failed = failed.expect("it fills");
    let late = |look: &&Look| look.used * 2 >= u32::from(capacity) && look.at < failed;
    let (mut all, mut stated) = (0, 0);
    for look in looks.iter().filter(late) {
        all += 1;
        let Some(eta) = look.eta else { continue };
        stated += 1;
        let left = failed - look.at;
        assert!(
            (eta - left).abs() <= (0.2 * left).max(least),
            "{eta} of {left} s, {} of {capacity} ports used",
            look.used
        );
    }
    assert!(
        all >= 5 && stated * 10 >= all * 9,
        "{stated} of {all} looks"
    );
}

#[test]
fn a_steady_fill() {
    foretold(
        Script::new().open(100.0, 0.0..30.0, End::Never),
        2_000,
        LOOK,
    );
}

#[test]
fn a_burst_after_a_calm() {
    let script = Script::new()
        .open(2.0, 0.0..30.0, End::Reset(Duration::from_secs(1)))
        .open(400.0, 8.0..30.0, End::Never);
    foretold(script, 2_000, LOOK);
}

#[test]
fn a_sawtooth_that_climbs() {
    let mut script = Script::new().open(40.0, 0.0..40.0, End::Never);
    for tooth in 0..20 {
        let from = 2.0 * f64::from(tooth);
        let life = Duration::from_millis(1_500);
        script = script.open(40.0, from..from + 0.5, End::Reset(life));
    }
    // A tooth is half a second of the climb, and takes as long to go.
    foretold(script, 1_000, 2.0 * LOOK);
}

#[test]
fn a_churn_that_does_not_fit() {
    foretold(
        Script::new().open(100.0, 0.0..40.0, End::TimeWait),
        2_000,
        LOOK,
    );
}

/// Of the default range 331 a second hold 19,860 ports at most, and fewer where a slow machine does not
/// keep up. They grow for a minute, at whose beginning a straight line says full in less than two.
#[test]
fn a_churn_that_fits_has_no_end() {
    let script = Script::new().open(331.0, 0.0..80.0, End::TimeWait);
    let (looks, failed) = play(script, 28_232);
    assert_eq!(failed, None);
    let most = looks.iter().map(|look| look.used).max();
    assert!(
        most.is_some_and(|most| (14_200..22_000).contains(&most)),
        "{most:?}"
    );
    for look in looks {
        assert_eq!(look.eta, None, "{} used", look.used);
    }
}
