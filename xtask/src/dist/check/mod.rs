//! What is packed, installed and used where nothing else is.

use std::path::Path;

use anyhow::Result;

pub fn run(_portwatch: &Path, _deb: &Path, _rpm: &Path) -> Result<()> {
    Ok(())
}
