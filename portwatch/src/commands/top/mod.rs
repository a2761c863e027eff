//! `portwatch top`: the live table, and a page of each tuple.

mod canvas;
mod keys;
mod locale;
mod looks;
mod lookup;
mod output;
mod player;
mod session;
mod source;

use std::{
    env,
    fs::File,
    io::{self, IsTerminal},
    pin::pin,
};

use anyhow::{Context, Result};
use jiff::tz::TimeZone;

pub use canvas::Canvas;

use self::{
    looks::Looks,
    lookup::Lookup,
    player::Player,
    session::{Desk, session},
    source::Source,
};
use super::{
    end::end, lookups::Lookups, printer::color, select, served::Served, session::Session,
    tracing::options,
};
use crate::{
    cli::{TopArgs, ViewArgs},
    exit::{Exit, Refusal},
    kernel::host::host_name,
    logging,
    model::{Filter, Item, Ratios},
    output::tui::{App, Setup, Theme},
    tracer::Tracer,
};

/// Shows what a tracer tells until the reader quits.
///
/// # Errors
/// When stdout is no terminal, the tracer can't start or can't go on, or the terminal can't be drawn
/// on.
pub fn run(args: &TopArgs, ratios: Ratios) -> Result<Exit> {
    require_terminal()?;
    let filter = select::filter(&args.tuples)?;
    block_on(async {
        // Signals are caught before anything is attached.
        let end = pin!(end(None));
        let served = Served::find(&args.served, |_| true)?;
        let ratios = served.as_ref().map_or(ratios, Served::ratios);
        let (source, looks) = match served {
            Some(served) => {
                log::info!("{}", served.origin());
                let looks = Looks::Served(served.asker());
                (Source::Served(Box::new(served)), looks)
            }
            None => {
                let tracer = Tracer::start(&options(&args.tracer, ratios, None))?;
                let (lookups, answers) = Lookups::new(tracer.observer());
                let session = Session::new(tracer, answers);
                (Source::Live(Box::new(session)), Looks::Own(lookups))
            }
        };
        let mut desk = desk(&args.view, filter, ratios, host_name());
        desk.lookups = Some(Lookup::new(looks));
        session(source, desk, end).await
    })
}

/// A recorded session.
pub(super) struct Recorded {
    /// What happened.
    pub items: Vec<Item>,
    /// Name of the host where it did.
    pub host: String,
    /// Thresholds that held there.
    pub ratios: Ratios,
    /// How much faster to play it at first.
    pub speed: f64,
}

/// Plays a recorded session until the reader quits.
///
/// # Errors
/// When stdout is no terminal or can't be drawn on.
pub(super) fn replay(recorded: Recorded, view: &ViewArgs, filter: Filter) -> Result<Exit> {
    block_on(async {
        let end = pin!(end(None));
        let desk = desk(view, filter, recorded.ratios, recorded.host);
        let player = Player::new(recorded.items, recorded.speed);
        session(Source::Recording(player), desk, end).await
    })
}

/// What the session has beside its source.
fn desk(view: &ViewArgs, filter: Filter, ratios: Ratios, host: String) -> Desk {
    Desk {
        app: App::new(Setup {
            ratios,
            sort: view.sort,
            group: view.group,
            freeze: view.freeze,
            host: Some(host),
            zone: TimeZone::system(),
        }),
        theme: Theme {
            color: color(view.color),
            unicode: locale::is_utf8(|name| env::var_os(name)),
        },
        filter,
        lookups: None,
        log: logging::hold(),
    }
}

/// Runs it without threads of its own but for lookups; one of those that is still under way is no
/// reason to stay.
fn block_on(session: impl Future<Output = Result<()>>) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let result = runtime.block_on(session);
    runtime.shutdown_background();
    result.map(|()| Exit::Ok)
}

/// A screen that nobody sees, or that can't be drawn on, is none. Keys may come from the terminal
/// that this process belongs to, where stdin is something else.
///
/// # Errors
/// When there is no such terminal.
pub(super) fn require_terminal() -> Result<()> {
    let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    let keys = || io::stdin().is_terminal() || File::open("/dev/tty").is_ok();
    if io::stdout().is_terminal() && !dumb && keys() {
        return Ok(());
    }
    Err(Refusal::Usage(
        "top needs a terminal that it can draw on; `portwatch watch` writes events to any output, \
         `portwatch check` looks once"
            .to_owned(),
    )
    .into())
}
