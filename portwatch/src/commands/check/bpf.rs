use std::collections::HashSet;

use anyhow::{Context, Result, bail, ensure};

use super::Survey;
use crate::{
    kernel::netns::{Discovery, Selector},
    model::{Event, EventKind, NetnsId},
    tracer::{Options, Tracer, Update},
};

/// Counts by the tracer: what it finds when it starts is the answer.
pub(super) fn survey(selected: &[Selector]) -> Result<Survey> {
    let wanted = wanted(selected)?;
    let is_wanted = |id: &NetnsId| wanted.as_ref().is_none_or(|set| set.contains(&id.inum));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let update = runtime.block_on(async {
        let mut tracer = Tracer::start(&Options::default(), false)?;
        tracer.next().await.context("cannot read events")
    })?;
    let Update::Event(Event {
        kind: EventKind::Started(mut started),
        ..
    }) = update
    else {
        bail!("the tracer did not say what it found");
    };
    started.namespaces.retain(|n| is_wanted(&n.id));
    started.tuples.retain(|t| is_wanted(&t.tuple.netns));
    ensure!(!started.namespaces.is_empty(), "no such network namespace");
    let unreachable = started.namespaces.iter().filter_map(|namespace| {
        let why = namespace.unreachable.as_ref()?;
        Some(format!("{}: {why}", namespace.id))
    });
    Ok(Survey {
        source: "bpf",
        hooks: Some(started.hooks),
        warnings: unreachable.collect(),
        namespaces: started.namespaces,
        samples: started.tuples,
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
