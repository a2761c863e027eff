use std::collections::HashSet;

use anyhow::{Context, Result, ensure};

use super::Survey;
use crate::{
    kernel::netns::{Discovery, Selector},
    model::{NetnsId, Snapshot},
    tracer::{Options, Surveyor},
};

/// Counts in the kernel, by one walk over the sockets of every namespace.
pub(super) fn survey(selected: &[Selector]) -> Result<Survey> {
    let wanted = wanted(selected)?;
    let is_wanted = |id: &NetnsId| wanted.as_ref().is_none_or(|set| set.contains(&id.inum));
    survey_of(Surveyor::load(&Options::default())?.survey(is_wanted)?)
}

/// Makes the survey of a snapshot, wherever that came from.
///
/// # Errors
/// When no namespace was walked.
pub(super) fn survey_of(snapshot: Snapshot) -> Result<Survey> {
    let mut warnings: Vec<String> = snapshot
        .unreachable
        .iter()
        .map(|(id, why)| format!("{id} was not counted: {why}"))
        .collect();
    ensure!(
        !snapshot.namespaces.is_empty(),
        "no network namespace could be read: {}",
        warnings.join("; ")
    );
    if snapshot.uncounted > 0 {
        warnings.push(format!(
            "{} connections were not counted: there are too many tuples",
            snapshot.uncounted
        ));
    }
    if snapshot.unasked > 0 {
        warnings.push(format!(
            "blocked ports were not counted in {} network namespaces: there are too many",
            snapshot.unasked
        ));
    }
    Ok(Survey {
        source: "bpf",
        hooks: None,
        warnings,
        namespaces: snapshot.namespaces,
        samples: snapshot.tuples,
    })
}

/// Inode numbers of the namespaces that were asked for; none for all.
fn wanted(selected: &[Selector]) -> Result<Option<HashSet<u32>>> {
    if selected.is_empty() {
        return Ok(None);
    }
    let mut found = Discovery::new().context("cannot look for network namespaces")?;
    let inums = selected.iter().map(|selector| selector.resolve(&mut found));
    Ok(Some(inums.collect::<Result<_, _>>()?))
}
