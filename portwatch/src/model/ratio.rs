use std::{fmt, str::FromStr};

use portwatch_common::{Level, Thresholds};
use serde::{Deserialize, Serialize};

use super::Usage;

/// A share of a tuple's capacity, in thousandths: 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Ratio(u32);

/// From how full on a tuple is worth an alert. The warning is never above the critical ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratios {
    warning: Ratio,
    critical: Ratio,
}

impl Ratio {
    /// Half of the capacity: from there on connect's port search has to look at the other half of
    /// the range too and slows down by one to two orders of magnitude (`__inet_hash_connect`
    /// tries the ports of one parity first).
    pub const WARNING: Self = Self(500);
    /// Four fifths of the capacity.
    pub const CRITICAL: Self = Self(800);

    /// In thousandths, 1 to 1000.
    #[must_use]
    pub fn permille(self) -> u32 {
        self.0
    }
}

impl From<Ratio> for u32 {
    fn from(ratio: Ratio) -> Self {
        ratio.0
    }
}

impl TryFrom<u32> for Ratio {
    type Error = String;

    /// From thousandths.
    fn try_from(permille: u32) -> Result<Self, String> {
        if (1..=1000).contains(&permille) {
            return Ok(Self(permille));
        }
        Err(format!("{permille} thousandths are no threshold"))
    }
}

impl FromStr for Ratio {
    type Err = String;

    /// Reads `0.8` or `80%`, both the same.
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, scale) = match text.trim().strip_suffix('%') {
            Some(percent) => (percent.trim_end(), 10.0),
            None => (text.trim(), 1000.0),
        };
        // A plain number: what else a float parser takes ("inf", "1e-1") is no ratio.
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err("expected a ratio such as 0.8, or a percentage such as 80%".to_owned());
        }
        let value: f64 = number
            .parse()
            .map_err(|_| "expected a ratio such as 0.8, or a percentage such as 80%".to_owned())?;
        let permille = (value * scale).round();
        if permille < 1.0 {
            return Err("too small: the least threshold is 0.001, which is 0.1%".to_owned());
        }
        if permille > 1000.0 {
            let hint = if scale > 10.0 && value <= 100.0 {
                format!("; for a percentage write {number}%")
            } else {
                String::new()
            };
            return Err(format!(
                "more than the whole capacity: the greatest threshold is 1, which is 100%{hint}"
            ));
        }
        // In 1..=1000 by the two checks above.
        Ok(Self(permille as u32))
    }
}

impl fmt::Display for Ratio {
    /// `80 %`, with a decimal only where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (percent, 0) => write!(f, "{percent} %"),
            (percent, tenth) => write!(f, "{percent}.{tenth} %"),
        }
    }
}

impl Ratios {
    /// Both thresholds.
    ///
    /// # Errors
    /// The warning is above the critical threshold.
    pub fn new(warning: Ratio, critical: Ratio) -> Result<Self, String> {
        if warning > critical {
            return Err(format!(
                "the warning threshold ({warning}) is above the critical threshold ({critical}): \
                 lower --warning or raise --critical"
            ));
        }
        Ok(Self { warning, critical })
    }

    /// Where a warning starts.
    #[must_use]
    pub fn warning(&self) -> Ratio {
        self.warning
    }

    /// Where it gets critical.
    #[must_use]
    pub fn critical(&self) -> Ratio {
        self.critical
    }

    /// The thresholds of a tuple of this capacity in ports, the same that the kernel side uses.
    #[must_use]
    pub fn thresholds(&self, capacity: u32) -> Thresholds {
        Thresholds::new(capacity, self.warning.0, self.critical.0)
    }

    /// The level that this usage amounts to.
    #[must_use]
    pub fn level(&self, usage: &Usage) -> Level {
        let busy = i32::try_from(usage.busy()).unwrap_or(i32::MAX);
        self.thresholds(usage.capacity).level(busy)
    }
}

impl Default for Ratios {
    fn default() -> Self {
        Self {
            warning: Ratio::WARNING,
            critical: Ratio::CRITICAL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ratio, Ratios};

    fn permille(text: &str) -> Option<u32> {
        text.parse::<Ratio>().ok().map(Ratio::permille)
    }

    #[test]
    fn reads_ratios_and_percentages() {
        for (text, expected) in [
            ("0.8", 800),
            ("80%", 800),
            ("80 %", 800),
            (".5", 500),
            ("1", 1000),
            ("1.0", 1000),
            ("100%", 1000),
            ("0.1%", 1),
            ("99.9%", 999),
        ] {
            assert_eq!(permille(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_share() {
        for text in [
            "", "%", "x", "-0.5", "0", "0%", "1.001", "101%", "80", "nan", "inf", "1e-1", "0x1",
            "1.2.3", "0.0001",
        ] {
            assert_eq!(permille(text), None, "{text}");
        }
    }

    #[test]
    fn a_forgotten_percent_sign_is_told() {
        let error = "80".parse::<Ratio>().unwrap_err();
        assert!(error.ends_with("for a percentage write 80%"), "{error}");
    }

    #[test]
    fn warning_must_not_be_above_critical() {
        let ratio = |text: &str| text.parse::<Ratio>().unwrap();
        assert!(Ratios::new(ratio("0.8"), ratio("0.8")).is_ok());
        let error = Ratios::new(ratio("90%"), ratio("0.805")).unwrap_err();
        assert_eq!(
            error,
            "the warning threshold (90 %) is above the critical threshold (80.5 %): \
             lower --warning or raise --critical"
        );
    }
}
