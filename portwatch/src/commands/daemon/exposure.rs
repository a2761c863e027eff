use std::time::{Duration, Instant};

use hyper::body::Bytes;

use crate::{
    model::Standing,
    output::{
        html::write_landing,
        prometheus::{self, Format, Vitals},
    },
};

/// Intervals without counts after which something is wrong.
const LATE: u32 = 3;

/// What clients get to see: the state at the end of the last interval, written out at most once each.
pub(super) struct Exposure {
    interval: Duration,
    /// The last interval's end, or the start.
    ticked: Instant,
    sweep_failed: bool,
    latest: Option<(Standing, Vitals)>,
    written: Written,
}

/// Pages that somebody asked for since the last interval.
#[derive(Default)]
struct Written {
    classic: Option<Bytes>,
    open: Option<Bytes>,
    landing: Option<Bytes>,
}

impl Exposure {
    /// Nothing counted yet.
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            ticked: Instant::now(),
            sweep_failed: false,
            latest: None,
            written: Written::default(),
        }
    }

    /// An interval went by.
    pub fn update(&mut self, standing: Standing, vitals: Vitals, sweep_failed: bool) {
        self.ticked = Instant::now();
        self.sweep_failed = sweep_failed;
        self.latest = Some((standing, vitals));
        self.written = Written::default();
    }

    /// Whether intervals go by as they should.
    pub fn is_counting(&self) -> bool {
        self.ticked.elapsed() <= self.interval.saturating_mul(LATE)
    }

    /// Whether all is well, else what is not. A full map is no reason: a restart would not help, and
    /// the metrics tell of it.
    pub fn health(&self) -> Result<(), String> {
        if !self.is_counting() {
            let ago = self.ticked.elapsed().as_secs_f64();
            return Err(format!("no counts for {ago:.1} s"));
        }
        if self.latest.is_none() {
            return Err("nothing has been counted yet".to_owned());
        }
        if self.sweep_failed {
            return Err("the last sweep failed".to_owned());
        }
        Ok(())
    }

    /// The metrics; none before anything is counted.
    pub fn metrics(&mut self, format: Format) -> Option<Bytes> {
        let (standing, vitals) = self.latest.as_ref()?;
        let written = match format {
            Format::Classic => &mut self.written.classic,
            Format::OpenMetrics => &mut self.written.open,
        };
        let write = || prometheus::write(format, standing, vitals).into();
        Some(written.get_or_insert_with(write).clone())
    }

    /// The page for people.
    pub fn landing(&mut self) -> Bytes {
        let latest = self.latest.as_ref();
        let standing = latest.map(|(standing, _)| standing);
        let vitals = latest.map(|(_, vitals)| vitals);
        let write = || write_landing(standing, vitals).into();
        self.written.landing.get_or_insert_with(write).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use jiff::Timestamp;

    use super::{Exposure, Format};
    use crate::{
        model::{Filter, Ledger, Ratios, testing::sample},
        output::prometheus::Vitals,
    };

    fn update(exposure: &mut Exposure, used: u32, sweep_failed: bool) {
        let samples = [sample(80, used, 500)];
        let (now, filter) = (Timestamp::UNIX_EPOCH, Filter::default());
        let standing = Ledger::new().interval(now, &samples, &[], &[], &filter, 1);
        let vitals = Vitals {
            hooks: "fentry".to_owned(),
            kernel: "6.12".to_owned(),
            ratios: Ratios::default(),
            searches: None,
            tracked_sockets: used.into(),
            max_sockets: 1,
            max_tuples: 1,
            lost_events: 0,
            sweeps: 0,
            corrections: 0,
            sweep_seconds: 0.0,
            recursion_misses: BTreeMap::new(),
            degraded: true,
        };
        exposure.update(standing, vitals, sweep_failed);
    }

    #[test]
    fn it_is_well_while_counts_come_and_sweeps_do_not_fail() {
        let mut exposure = Exposure::new(Duration::from_secs(60));
        let told = |exposure: &Exposure| exposure.health().unwrap_err();
        assert_eq!(told(&exposure), "nothing has been counted yet");
        update(&mut exposure, 1, false);
        assert_eq!(exposure.health(), Ok(()));
        update(&mut exposure, 1, true);
        assert_eq!(told(&exposure), "the last sweep failed");
        exposure.interval = Duration::from_nanos(1);
        assert!(told(&exposure).starts_with("no counts for "));
    }

    #[test]
    fn pages_are_those_of_the_last_interval() {
        let mut exposure = Exposure::new(Duration::from_secs(60));
        assert_eq!(exposure.metrics(Format::Classic), None);
        update(&mut exposure, 1, false);
        let first = exposure.metrics(Format::Classic).unwrap();
        let again = exposure.metrics(Format::Classic).unwrap();
        assert_eq!(first.as_ptr(), again.as_ptr(), "written once");
        update(&mut exposure, 2, false);
        assert_ne!(exposure.metrics(Format::Classic).unwrap(), first);
        assert_ne!(exposure.metrics(Format::OpenMetrics).unwrap(), first);
        assert!(!exposure.landing().is_empty());
    }
}
