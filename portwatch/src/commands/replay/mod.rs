//! `portwatch replay`: looks at a recording, or along with a daemon that makes one. Nothing here looks
//! at the machine.

mod ending;
mod explain;
mod pace;
mod source;
mod top;
mod watch;

use anyhow::Result;

use super::select;
use crate::{
    cli::{ReplayArgs, View},
    exit::{Exit, Refusal},
    model::Filter,
};

/// Looks at a recording in the way that was asked for.
///
/// # Errors
/// When it can't be read as one, or the output can't be written.
pub fn run(args: &ReplayArgs) -> Result<Exit> {
    if args.view != View::Explain && (args.whom.is_some() || args.markdown) {
        let refused = "a tuple and --markdown are for `portwatch replay FILE explain`; elsewhere use \
                       --peer and --port";
        return Err(Refusal::Usage(refused.to_owned()).into());
    }
    if args.view != View::Watch && source::is_socket(&args.file) {
        let refused = "a daemon's socket is no recording to move about in; `portwatch top --socket SOCKET` \
                       and `portwatch explain --socket SOCKET` use it";
        return Err(Refusal::Usage(refused.to_owned()).into());
    }
    let filter = Filter {
        pids: args.pid.clone(),
        comms: args.comm.clone(),
        ..select::recorded(&args.tuples)?
    };
    let (header, reader) = source::open(&args.file)?;
    match args.view {
        View::Watch => watch::run(args, &header, reader, filter),
        View::Top => top::run(args, header, reader, filter),
        View::Explain => explain::run(args, reader, &filter),
    }
}
