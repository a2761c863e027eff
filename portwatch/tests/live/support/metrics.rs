//! A scrape, by series.

use std::collections::BTreeMap;

/// Values by name and labels, as they were written.
#[derive(Debug)]
pub struct Metrics(pub BTreeMap<String, f64>);

impl Metrics {
    /// Reads a page; no series may be there twice.
    pub fn parse(text: &str) -> Self {
        let mut metrics = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
            let before = metrics.insert(series.to_owned(), value);
            assert_eq!(before, None, "{series} is there twice");
        }
        Self(metrics)
    }

    pub fn get(&self, series: &str) -> Option<f64> {
        self.0.get(series).copied()
    }

    /// One that has to be there.
    pub fn of(&self, series: &str) -> f64 {
        self.get(series)
            .unwrap_or_else(|| panic!("no {series} in {:#?}", self.0))
    }

    /// Those that must never fall: counters, and the parts of histograms.
    pub fn counters(&self) -> impl Iterator<Item = (&str, f64)> {
        let all = self
            .0
            .iter()
            .map(|(series, value)| (series.as_str(), *value));
        all.filter(|(series, _)| {
            let name = series.split('{').next().unwrap_or_default();
            let ends = ["_total", "_bucket", "_count", "_sum"];
            ends.iter().any(|end| name.ends_with(end))
        })
    }
}
