use std::time::{Duration, Instant};

/// Longest that a test waits for something that should happen at once.
pub const SOON: Duration = Duration::from_secs(20);

/// Longest until two sweeps are over. On a busy machine of many namespaces one may take a second,
/// and the tracer then pauses fifty times as long.
pub const SWEEPS: Duration = Duration::from_secs(200);

/// Asks again and again until there is an answer; panics with `what` after `bound`.
pub fn until<T>(what: &str, bound: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + bound;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {bound:?} for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
