//! The daemon's peer: a script that asks ss once a second and leaves a file for node_exporter's
//! textfile collector.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::{crowd::wall_ms, table::median, usage::Meter};
use crate::support::{interrupt::Interrupt, netns::Namespace};

const PASSES: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);

/// One pass. The range tells connections of this host from those to it; here both ends are on one.
const PASS: &str = r#"ss -N "$1" -tanH '( sport >= :32768 and sport <= :60999 )' | awk '
    { sub(/:[0-9]+$/, "", $4); used[$4 " " $5]++ }
    END {
        for (tuple in used) {
            split(tuple, ends, " "); peer = ends[2]; port = ends[2]
            sub(/:[0-9]+$/, "", peer); sub(/.*:/, "", port)
            printf "tcp_ports_used{local=\"%s\",peer=\"%s\",port=\"%s\"} %d\n", ends[1], peer, port, used[tuple]
        }
    }' > "$2.new" && mv "$2.new" "$2""#;

/// What it takes, in words, for a cell of the table. Fails where the script counts other connections
/// and tuples than these.
pub fn measure(
    namespace: &Namespace,
    file: &Path,
    (connections, tuples): (u32, u32),
    interrupt: &Interrupt,
) -> Result<String> {
    let meter = Meter::of_children()?;
    let begin = Instant::now();
    let mut times = Vec::new();
    for pass in 1..=PASSES {
        let mut script = Command::new("sh");
        script.args(["-ec", PASS, "sh", namespace.name()]).arg(file);
        times.push(wall_ms(&mut script)?);
        interrupt.sleep_until(begin + PAUSE * pass)?;
    }
    let percent = meter.percent()?;
    let text = fs::read_to_string(file).context("reading what the script counted")?;
    let counts = text.lines().filter_map(|line| line.rsplit_once(' '));
    let counts: Vec<u32> = counts.filter_map(|(_, n)| n.parse().ok()).collect();
    let (found, sum) = (counts.len(), counts.iter().sum::<u32>());
    // Others may be on their way out.
    if sum < connections || found < tuples as usize {
        bail!("the script counted {sum} connections and {found} tuples");
    }
    Ok(format!(
        "ss and awk each second {percent:.0} % of a core ({:.0} ms a pass)",
        median(&times)
    ))
}
