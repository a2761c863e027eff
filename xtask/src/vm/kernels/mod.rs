//! Kernels to boot: Debian's, downloaded and cached, or an image that somebody names.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

mod apt;
mod cache;
mod release;

pub use cache::Cache;

/// Kernel lines of the continuous integration: the oldest that is supported, the stable ones
/// with a long life, and the newest.
pub const CI: [&str; 5] = ["5.10", "6.1", "6.12", "6.18", "7.2"];

/// Modules that the tests need where a kernel has them as such, in an order in which they load.
const MODULES: [&str; 6] = [
    "inet_diag",
    "tcp_diag",
    "udp_diag",
    "mptcp_diag",
    "veth",
    "dummy",
];

/// A kernel that can be booted.
#[derive(Clone)]
pub struct Kernel {
    /// What to call it: `6.12`, or the name of the image.
    pub name: String,
    /// The image.
    pub image: PathBuf,
    /// Uncompressed modules, in an order in which they load.
    pub modules: Vec<PathBuf>,
}

/// A kernel whose image is at `path`, with the modules `*.ko` in a directory `modules` beside it.
///
/// # Errors
/// When there is no such file.
pub fn image(path: &Path) -> Result<Kernel> {
    let image = path.canonicalize();
    let image = image.with_context(|| format!("no kernel at {}", path.display()))?;
    let name = image.file_name().unwrap_or_default().to_string_lossy();
    Ok(Kernel {
        name: name.into_owned(),
        modules: modules(&image),
        image,
    })
}

/// The modules beside an image.
fn modules(image: &Path) -> Vec<PathBuf> {
    let directory = image.with_file_name("modules");
    let files = MODULES.map(|name| directory.join(format!("{name}.ko")));
    files.into_iter().filter(|file| file.is_file()).collect()
}
