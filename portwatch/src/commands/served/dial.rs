use std::{
    io::{self, BufReader, Read},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::recording::{Header, Reader};

/// How long a daemon may take for its first words.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a daemon tells, as it comes.
pub(in crate::commands) type Line = Reader<BufReader<Box<dyn Read + Send>>>;

/// A connection, what the daemon says first, and what it tells then.
pub(in crate::commands) type Dialed = (UnixStream, Header, Line);

/// Connects to a daemon.
///
/// # Errors
/// When nobody serves there, or not us, or in words of another version.
pub(in crate::commands) fn dial(path: &Path) -> Result<Dialed> {
    let name = path.display();
    let stream = UnixStream::connect(path).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::PermissionDenied => "; join the group portwatch, or run as root",
            io::ErrorKind::ConnectionRefused => "; is the daemon running?",
            _ => "",
        };
        let what = format!("cannot connect to {name}{advice}");
        anyhow::Error::from(error).context(what)
    })?;
    let what = || format!("the daemon at {name}");
    let incoming = stream.try_clone().with_context(what)?;
    incoming
        .set_read_timeout(Some(PATIENCE))
        .with_context(what)?;
    let incoming: Box<dyn Read + Send> = Box::new(incoming);
    let (header, reader) = Reader::new(BufReader::new(incoming)).with_context(what)?;
    // The same for both ends of it: they are one socket.
    stream.set_read_timeout(None).with_context(what)?;
    Ok((stream, header, reader))
}

/// Tells why the daemon that might have been used is not; that there is none is no news.
pub(super) fn tell(error: &anyhow::Error) {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::NotFound) => {}
        Some(io::ErrorKind::ConnectionRefused) => log::info!("{error:#}"),
        _ => log::warn!("the daemon is not used: {error:#}"),
    }
}
