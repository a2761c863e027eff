//! The result: a Markdown table.

use std::fmt;

/// One measurement.
pub struct Row {
    /// What was measured.
    pub what: String,
    /// portwatch's figure.
    pub portwatch: String,
    /// The peers' figures from the same run.
    pub peers: String,
    /// What the design allows.
    pub budget: &'static str,
}

/// All measurements.
#[derive(Default)]
pub struct Table(pub Vec<Row>);

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | portwatch | beside it | budget |")?;
        writeln!(f, "|---|---|---|---|")?;
        for row in &self.0 {
            let Row {
                what,
                portwatch,
                peers,
                budget,
            } = row;
            writeln!(f, "| {what} | {portwatch} | {peers} | {budget} |")?;
        }
        Ok(())
    }
}

/// The middle of some figures; 0 for none.
pub fn median(figures: &[f64]) -> f64 {
    quantile(figures, 0.5)
}

/// The figure below which this share of them lies; 0 for none.
pub fn quantile(figures: &[f64], share: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let position = (last as f64 * share).round() as usize;
    sorted.get(position).copied().unwrap_or(0.0)
}
