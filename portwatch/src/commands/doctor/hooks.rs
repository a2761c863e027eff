use crate::{
    model::{EventKind, HookSetReport},
    tracer::{HookSet, Options, Tracer, TracerError, Update},
};

/// Every hook set, best first; the existing one is proved by really starting it.
pub(super) fn report(denied: bool) -> Vec<HookSetReport> {
    let missing = |name| HookSetReport {
        name,
        usable: false,
        reason: Some("not part of this version".to_owned()),
        blind_spots: Vec::new(),
    };
    vec![missing("fentry"), missing("kprobe"), tracepoint(denied)]
}

fn tracepoint(denied: bool) -> HookSetReport {
    let tried = if denied {
        Err("not tried without the privileges".to_owned())
    } else {
        try_hooks(HookSet::Tracepoint).map_err(|error| error.to_string())
    };
    let usable = tried.is_ok();
    let (reason, blind_spots) = match tried {
        Ok(blind_spots) => (None, blind_spots),
        Err(reason) => (Some(reason), Vec::new()),
    };
    HookSetReport {
        name: HookSet::Tracepoint.name(),
        usable,
        reason,
        blind_spots,
    }
}

/// Starts a tracer and stops it again; what it says it can't see.
fn try_hooks(hooks: HookSet) -> Result<Vec<String>, TracerError> {
    let options = Options {
        hooks: Some(hooks),
        ..Options::default()
    };
    let refused = |error: std::io::Error| TracerError::Refused {
        what: "starting the event loop".to_owned(),
        reason: error.to_string(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(refused)?;
    runtime.block_on(async {
        let mut tracer = Tracer::start(&options, false)?;
        Ok(match tracer.next().await.map_err(refused)? {
            Update::Event(event) => match event.kind {
                EventKind::Started(started) => started.blind_spots,
                _ => Vec::new(),
            },
            Update::Tick(_) => Vec::new(),
        })
    })
}
