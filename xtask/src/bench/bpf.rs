//! What the kernel knows of another process's BPF programs and maps: `/proc/PID/fdinfo`.

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result};

const STATS_ENABLED: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// The kernel measures the run time of BPF programs while this value lives.
pub struct Stats {
    before: String,
}

impl Stats {
    /// Switches the measuring on.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn enable() -> Result<Self> {
        let before = fs::read_to_string(STATS_ENABLED).context("reading bpf_stats_enabled")?;
        fs::write(STATS_ENABLED, "1").context("setting bpf_stats_enabled")?;
        Ok(Self { before })
    }
}

impl Drop for Stats {
    fn drop(&mut self) {
        if let Err(error) = fs::write(STATS_ENABLED, self.before.trim()) {
            eprintln!("could not restore bpf_stats_enabled: {error}");
        }
    }
}

/// Run time, ns, of all the programs that a process holds, since they were loaded.
pub fn run_time_ns(pid: u32) -> Result<u64> {
    sum(pid, "prog_id", "run_time_ns")
}

/// Memory, bytes, of all the maps that a process holds.
pub fn map_memory(pid: u32) -> Result<u64> {
    sum(pid, "map_id", "memlock")
}

/// Memory, bytes, that the largest hash map of a process takes for each of its entries.
pub fn bytes_per_entry(pid: u32) -> Result<f64> {
    /// `BPF_MAP_TYPE_HASH` of `enum bpf_map_type`.
    const HASH: u64 = 1;
    let maps = objects(pid, "map_id")?;
    let largest = maps
        .values()
        .filter(|map| map.get("map_type") == Some(&HASH))
        .max_by_key(|map| map.get("max_entries").copied())
        .context("the process holds no hash map")?;
    let value = |key: &str| largest.get(key).copied().unwrap_or(0) as f64;
    Ok(value("memlock") / value("max_entries"))
}

fn sum(pid: u32, id: &str, key: &str) -> Result<u64> {
    let objects = objects(pid, id)?;
    Ok(objects.values().filter_map(|object| object.get(key)).sum())
}

/// The numbers that the kernel prints of each object of a kind, by the object's number. A link
/// tells the number of its program too, but not the program's numbers.
fn objects(pid: u32, id: &str) -> Result<BTreeMap<u64, BTreeMap<String, u64>>> {
    let directory = format!("/proc/{pid}/fdinfo");
    let mut objects = BTreeMap::new();
    for entry in fs::read_dir(&directory).with_context(|| format!("reading {directory}"))? {
        // A descriptor that was closed meanwhile.
        let Ok(text) = fs::read_to_string(entry?.path()) else {
            continue;
        };
        let numbers: BTreeMap<String, u64> = text
            .lines()
            .filter_map(|line| line.split_once(":\t"))
            .filter_map(|(key, value)| Some((key.to_owned(), value.parse().ok()?)))
            .collect();
        if let (Some(&number), true) = (numbers.get(id), numbers.contains_key("memlock")) {
            objects.insert(number, numbers);
        }
    }
    Ok(objects)
}
