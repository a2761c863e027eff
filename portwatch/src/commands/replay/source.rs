use std::{
    fs::{File, metadata},
    io::{self, BufReader, Read},
    os::unix::fs::FileTypeExt,
    path::Path,
};

use anyhow::{Context, Result};

use crate::{
    commands::served::{Line, dial},
    recording::{Header, Reader},
};

/// Opens a recording; `-` is stdin.
///
/// # Errors
/// When it can't be opened, or is no recording that this program reads.
pub(super) fn open(path: &Path) -> Result<(Header, Line)> {
    if is_socket(path) {
        let (_, header, line) = dial(path)?;
        return Ok((header, line));
    }
    let is_stdin = path.as_os_str() == "-";
    let input: Box<dyn Read + Send> = if is_stdin {
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
