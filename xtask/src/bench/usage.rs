//! What a process takes: CPU time and memory, as `/proc` tells.

use std::{fs, time::Instant};

use anyhow::{Context as _, Result};

/// Fields of `/proc/PID/stat`, as proc(5) numbers them: user and system time, of a process itself and
/// of its children that have ended.
const OWN: [usize; 2] = [14, 15];
const CHILDREN: [usize; 2] = [16, 17];

/// Measures CPU time from its start on.
pub struct Meter {
    stat: String,
    fields: [usize; 2],
    before: u64,
    begin: Instant,
}

impl Meter {
    /// Of all threads of a process.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn of(pid: u32) -> Result<Self> {
        Self::start(format!("/proc/{pid}/stat"), OWN)
    }

    /// Of the children of this program, and theirs, that end in that time and are waited for.
    ///
    /// # Errors
    /// When there is no `/proc`.
    pub fn of_children() -> Result<Self> {
        Self::start("/proc/self/stat".into(), CHILDREN)
    }

    fn start(stat: String, fields: [usize; 2]) -> Result<Self> {
        let before = ticks(&stat, fields)?;
        Ok(Self {
            stat,
            fields,
            before,
            begin: Instant::now(),
        })
    }

    /// CPU time since the start, in percent of a core.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn percent(&self) -> Result<f64> {
        let ticks = ticks(&self.stat, self.fields)? - self.before;
        // Linux reports in hundredths of a second, whatever the kernel's own tick (USER_HZ).
        Ok(ticks as f64 / self.begin.elapsed().as_secs_f64())
    }
}

/// Sum of two fields, hundredths of a second.
fn ticks(path: &str, fields: [usize; 2]) -> Result<u64> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    // The command name, field 2, may hold spaces.
    let (_, rest) = text.rsplit_once(") ").context("no command name")?;
    let values: Vec<&str> = rest.split(' ').collect();
    let field = |number: usize| values.get(number - 3)?.parse::<u64>().ok();
    let sum = fields.into_iter().map(field).sum::<Option<u64>>();
    sum.with_context(|| format!("{path} tells no CPU time"))
}

/// Memory that a process occupies.
///
/// # Errors
/// When there is no such process.
pub fn resident_mib(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let kib = text.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?
            .trim()
            .strip_suffix(" kB")?
            .parse()
            .ok()
    });
    let kib: f64 = kib.with_context(|| format!("{path} tells no VmRSS"))?;
    Ok(kib / 1024.0)
}
