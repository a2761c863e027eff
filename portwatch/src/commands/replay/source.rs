use std::{
    fs::{File, metadata},
    io::{self, BufReader, Read},
    os::unix::{fs::FileTypeExt, net::UnixStream},
    path::Path,
};

use anyhow::{Context, Result, anyhow};

use crate::recording::{Header, Reader};

/// A recording from wherever it is.
pub(super) type Source = Reader<BufReader<Box<dyn Read>>>;

/// Opens a recording; `-` is stdin.
///
/// # Errors
/// When it can't be opened, or is no recording that this program reads.
pub(super) fn open(path: &Path) -> Result<(Header, Source)> {
    if is_socket(path) {
        return connect(path);
    }
    let is_stdin = path.as_os_str() == "-";
    let input: Box<dyn Read> = if is_stdin {
        Box::new(io::stdin())
    } else {
        let file = File::open(path);
        Box::new(file.with_context(|| format!("cannot open {}", path.display()))?)
    };
    let opened = Reader::new(BufReader::new(input));
    opened.with_context(|| match is_stdin {
        true => "stdin".to_owned(),
        false => path.display().to_string(),
    })
}

/// Whether this is a daemon's socket.
pub(super) fn is_socket(path: &Path) -> bool {
    metadata(path).is_ok_and(|meta| meta.file_type().is_socket())
}

fn connect(path: &Path) -> Result<(Header, Source)> {
    let name = path.display();
    let stream = UnixStream::connect(path).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::PermissionDenied => "; join the group portwatch, or run as root",
            io::ErrorKind::ConnectionRefused => "; is the daemon running?",
            _ => "",
        };
        anyhow!("cannot connect to {name}: {error}{advice}")
    })?;
    let input: Box<dyn Read> = Box::new(stream);
    let opened = Reader::new(BufReader::new(input));
    opened.with_context(|| format!("the daemon at {name}"))
}
