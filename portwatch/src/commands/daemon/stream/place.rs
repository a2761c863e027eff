use std::{
    fs::{self, DirBuilder},
    io::ErrorKind,
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, chown},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use rustix::{fs::Mode, process::umask};

/// Who may read besides root.
const GROUP: &str = "portwatch";

/// Where a socket is. It is removed when this is dropped.
pub(super) struct Place(PathBuf);

impl Place {
    /// Makes a socket for root and the group, where there is none that somebody serves on.
    ///
    /// # Errors
    /// What stands in its way.
    pub fn take(path: &Path) -> Result<(Self, UnixListener)> {
        let name = path.display();
        if let Some(directory) = path.parent() {
            let mut builder = DirBuilder::new();
            builder
                .recursive(true)
                .mode(0o755)
                .create(directory)
                .with_context(|| format!("cannot make {}", directory.display()))?;
        }
        make_room(path)?;
        // Nobody else may connect before the mode is right.
        let before = umask(Mode::from_raw_mode(0o117));
        let bound = UnixListener::bind(path);
        umask(before);
        let listener = bound.with_context(|| format!("cannot serve on {name}"))?;
        let place = Self(path.to_owned());
        listener.set_nonblocking(true)?;
        match group() {
            Some(id) => chown(path, None, Some(id))
                .with_context(|| format!("cannot give {name} to the group {GROUP}"))?,
            None => log::info!("there is no group {GROUP}: only root can read from {name}"),
        }
        Ok((place, listener))
    }
}

impl Place {
    /// The socket's path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = fs::remove_file(&self.0);
    }
}

/// Removes a socket that nobody serves on.
fn make_room(path: &Path) -> Result<()> {
    let name = path.display();
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot look at {name}")),
        Ok(meta) if !meta.file_type().is_socket() => {
            bail!("{name} is no socket: remove it, or choose another path with --socket")
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)
            .with_context(|| format!("cannot remove {name}, which nobody serves on any more")),
        Err(error) => Err(error).with_context(|| format!("cannot tell who serves on {name}")),
        Ok(_) => bail!(
            "somebody serves on {name} already: stop that daemon, or choose another path with --socket"
        ),
    }
}

/// Number of the group, where this machine has it.
fn group() -> Option<u32> {
    let groups = fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let found = fields.next() == Some(GROUP);
        found.then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}
