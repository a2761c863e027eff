//! Showing a file while somebody writes it.

use std::{fs::File, io::Read as _, path::Path};

use anyhow::{Context as _, Result};
use guest_init::MARK;

/// A guest's output, shown as it comes.
pub struct Follow {
    file: File,
    /// A line that is not whole yet.
    rest: Vec<u8>,
}

impl Follow {
    /// Opens the file.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        let rest = Vec::new();
        Ok(Self { file, rest })
    }

    /// Shows the lines that were added; reports are not for people.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn show(&mut self) -> Result<()> {
        self.file
            .read_to_end(&mut self.rest)
            .context("reading a guest's output")?;
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            if !line.starts_with(MARK) {
                println!("{}", line.trim_end());
            }
        }
        Ok(())
    }
}
