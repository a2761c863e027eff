//! The alert rules, made to go faster.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};

use crate::support::{process, workspace};

/// Writes the rules of dist/prometheus with every duration divided by `speed`, after promtool has
/// found no fault in them as they are.
///
/// # Errors
/// When promtool does, or the file can't be written.
pub fn write_faster(speed: u64, to: &Path) -> Result<()> {
    let from = workspace::root().join("dist/prometheus/portwatch.rules.yml");
    process::stdout(Command::new("promtool").args(["check", "rules"]).arg(&from))?;
    let rules = fs::read_to_string(&from).context("reading the alert rules")?;
    fs::write(to, faster(&rules, speed)).context("writing the alert rules")
}

/// Minutes behind these words and nowhere else: a command's `--since -10min` is for a reader.
fn faster(rules: &str, speed: u64) -> String {
    let mut text = rules.to_owned();
    for before in ["for: ", "offset ", "["] {
        let mut parts = text.split(before);
        let mut changed = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            changed += before;
            let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, rest) = part.split_at(digits);
            match (number.parse::<u64>(), rest.strip_prefix('m')) {
                (Ok(minutes), Some(rest)) => {
                    changed += &format!("{}s{rest}", minutes * 60 / speed);
                }
                _ => changed += part,
            }
        }
        text = changed;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::faster;

    #[test]
    fn durations_are_divided_and_words_are_not() {
        let rule = "x[5m] offset 30m > 4 * 3600\n for: 1m\n about 5 minutes --since -10min [a] ";
        let expected =
            "x[20s] offset 120s > 4 * 3600\n for: 4s\n about 5 minutes --since -10min [a] ";
        assert_eq!(faster(rule, 15), expected);
    }
}
