use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
    pin::Pin,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{
    commands::end::{End, asked, end, is_writable, writable},
    exit::Refusal,
};

/// Where a recording goes.
#[derive(Debug)]
pub(super) enum Target {
    /// `-`
    Stdout,
    /// A file, and whether it may be one that exists.
    File(PathBuf, bool),
}

impl Target {
    /// What the command line names.
    ///
    /// # Errors
    /// When it exists and must not be overwritten.
    pub fn new(path: &Path, force: bool) -> Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::Stdout);
        }
        // Told before a tracer is started for nothing; opening it looks again.
        if !force && path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        Ok(Self::File(path.to_owned(), force))
    }

    /// Opens it. What an existing file held is gone then.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn open(&self) -> Result<Box<dyn Write>> {
        let (path, force) = match self {
            Self::Stdout => return Ok(Box::new(io::stdout())),
            Self::File(path, force) => (path, *force),
        };
        let mut options = OpenOptions::new();
        options.write(true).truncate(force);
        let opened = options.create(force).create_new(!force).open(path);
        match opened {
            Ok(file) => Ok(Box::new(file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists(path)),
            Err(error) => Err(error).with_context(|| format!("cannot create {}", path.display())),
        }
    }

    /// When recording ends: a closed output is told where that is stdout.
    pub fn end(
        &self,
        duration: Option<Duration>,
    ) -> Pin<Box<dyn Future<Output = io::Result<End>>>> {
        match self {
            Self::Stdout => Box::pin(end(duration)),
            Self::File(..) => Box::pin(asked(duration)),
        }
    }

    /// Waits until it takes something.
    pub async fn room(&self) {
        if matches!(self, Self::Stdout) {
            writable().await;
        }
    }

    /// Whether it takes something now.
    pub fn has_room(&self) -> bool {
        match self {
            Self::Stdout => is_writable(),
            Self::File(..) => true,
        }
    }

    /// Its name in a message.
    pub fn name(&self) -> String {
        match self {
            Self::Stdout => "stdout".to_owned(),
            Self::File(path, _) => path.display().to_string(),
        }
    }
}

fn exists(path: &Path) -> anyhow::Error {
    Refusal::Usage(format!(
        "{} exists; choose another name, or overwrite it with --force",
        path.display()
    ))
    .into()
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write, path::Path};

    use super::Target;

    #[test]
    fn a_file_that_exists_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("recording");
        let absent = Target::new(&path, false).unwrap();
        fs::write(&path, "mine").unwrap();
        for error in [
            Target::new(&path, false).unwrap_err(),
            absent.open().err().unwrap(),
        ] {
            assert!(error.to_string().contains("--force"), "{error}");
        }
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }

    #[test]
    fn it_is_overwritten_when_opened_by_force() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("recording");
        fs::write(&path, "theirs").unwrap();
        let target = Target::new(&path, true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        target.open().unwrap().write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_missing_directory_is_told() {
        let target = Target::new(Path::new("/nowhere/recording"), false).unwrap();
        let error = target.open().err().unwrap();
        assert_eq!(error.to_string(), "cannot create /nowhere/recording");
    }
}
