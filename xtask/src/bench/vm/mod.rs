//! `cargo xtask bench --vm`: the hook sets beside each other and beside their peers, in a guest.

use std::time::Duration;

use anyhow::{Context as _, Result};

mod finding;
pub mod inside;
mod subject;
mod table;

use finding::Finding;
use subject::{Peers, UNTRACED};
use table::Table;

use crate::{
    support::interrupt::Interrupt,
    vm::{
        HOOK_SETS,
        measure::{Laboratory, Look},
    },
};

/// Several times what the longest run took on a busy machine.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Measures on the newest kernel of a line, and prints a table.
pub fn run(line: &str, connections: u32, rounds: u32) -> Result<()> {
    let interrupt = Interrupt::install()?;
    let Peers {
        tools,
        subjects: peers,
        mut missing,
    } = Peers::find();
    let laboratory = Laboratory::prepare(line, &interrupt)?;
    eprintln!("booting {line}");
    let look = laboratory.look().context("the first boot")?;
    let mut subjects = Vec::new();
    for hooks in HOOK_SETS {
        match guest_init::usable(&look.doctor, hooks) {
            Ok(()) => subjects.push(hooks.to_owned()),
            Err(reason) => missing.push(format!("{hooks}: {reason}")),
        }
    }
    subjects.extend(peers);
    subjects.push(UNTRACED.to_owned());

    eprintln!("measuring {}", subjects.join(", "));
    let mut arguments = vec!["measure".to_owned(), "--portwatch".to_owned()];
    arguments.push(laboratory.portwatch().to_string_lossy().into_owned());
    arguments.push(format!("--connections={connections}"));
    arguments.push(format!("--rounds={rounds}"));
    arguments.extend(subjects.iter().cloned());
    let lines = laboratory.measure(&tools, arguments, LIMIT)?;
    let findings: Vec<Finding> = lines
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    for finding in &findings {
        if let Err(reason) = &finding.result {
            let failure = format!("{}: {reason}", finding.subject);
            if !missing.contains(&failure) {
                missing.push(failure);
            }
        }
    }

    println!("\n{}\n", head(&look, &laboratory, connections, rounds));
    print!("{}", Table::of(&subjects, &findings));
    println!(
        "\nguest boot to verdict (portwatch doctor): {:.1} s",
        look.time.as_secs_f64()
    );
    for reason in missing {
        println!("not measured: {reason}");
    }
    Ok(())
}

/// How the figures are to be read.
fn head(look: &Look, laboratory: &Laboratory<'_>, connections: u32, rounds: u32) -> String {
    let how = if laboratory.emulated() {
        "on an emulated processor: ratios between columns mean something, the figures themselves do \
         not"
    } else {
        "under KVM: compare columns, not with another machine's figures"
    };
    format!(
        "Kernel {} in a guest, {how}. Best of {rounds} rounds of {connections} \
         connections; how far the last column's rate is from 1 is how exact the others are.",
        look.release
    )
}
