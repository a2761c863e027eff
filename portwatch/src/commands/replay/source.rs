use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use anyhow::{Context, Result};

use crate::recording::{Header, Reader};

/// A recording from wherever it is.
pub(super) type Source = Reader<BufReader<Box<dyn Read>>>;

/// Opens a recording; `-` is stdin.
///
/// # Errors
/// When it can't be opened, or is no recording that this program reads.
pub(super) fn open(path: &Path) -> Result<(Header, Source)> {
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
