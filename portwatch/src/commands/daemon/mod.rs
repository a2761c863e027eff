//! `portwatch daemon`: metrics over HTTP, a log of events, and all of it on a unix socket.

mod config;
mod confine;
mod event_log;
mod exposure;
mod http;
mod inquiries;
mod manager;
mod scout;
mod service;
mod stream;
mod vitals;

use anyhow::{Context, Result};
use tokio::task::LocalSet;

use self::{config::ConfigError, service::Service};
use super::end::asked;
use crate::{
    cli::DaemonArgs,
    exit::{Exit, Refusal},
};

/// Serves until it is asked to end.
///
/// # Errors
/// When the file or the options make no sense, an address can't be served, or the tracer can't start
/// or can't go on.
pub fn run(args: &DaemonArgs) -> Result<Exit> {
    let merged = config::load(args).map_err(refusal)?;
    if args.check_config {
        match config::path(args) {
            Some(file) => println!("{}: ok", file.display()),
            None => println!("no file, options: ok"),
        }
        return Ok(Exit::Ok);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let local = LocalSet::new();
    runtime.block_on(local.run_until(async {
        // Signals are caught before anything is attached.
        let end = asked(None);
        let service = Service::start(args.clone(), merged).await?;
        service.run(end).await
    }))
}

fn refusal(error: ConfigError) -> Refusal {
    Refusal::Usage(error.to_string())
}
