//! What lies in a root, to be compared with what lies there later.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

/// What the system writes about every package, this one or another, and the copies that tools for
/// accounts keep of what they change.
const NOT_THE_PACKAGES: [&str; 9] = [
    "var/lib/dpkg",
    "var/log",
    "var/cache/ldconfig",
    "etc/ld.so.cache",
    "etc/.pwd.lock",
    "etc/passwd-",
    "etc/group-",
    "etc/shadow-",
    "etc/gshadow-",
];

/// Paths, with mode, owner and content of each.
pub struct Snapshot(BTreeMap<PathBuf, String>);

impl Snapshot {
    /// Reads everything below `root`.
    ///
    /// # Errors
    /// When something can't be read.
    pub fn take(root: &Path) -> Result<Self> {
        let mut found = BTreeMap::new();
        let mut directories = vec![root.to_owned()];
        while let Some(directory) = directories.pop() {
            let shown = directory.display();
            let entries = fs::read_dir(&directory).with_context(|| format!("reading {shown}"))?;
            for entry in entries {
                let path = entry.with_context(|| format!("reading {shown}"))?.path();
                let name = path.strip_prefix(root).unwrap_or(&path);
                if NOT_THE_PACKAGES
                    .iter()
                    .any(|other| name == Path::new(other))
                {
                    continue;
                }
                let state = state(&path).with_context(|| format!("reading {}", path.display()))?;
                found.insert(name.to_owned(), state);
                if path.is_dir() && !path.is_symlink() {
                    directories.push(path);
                }
            }
        }
        Ok(Self(found))
    }

    /// How many files and directories there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What is different there, a line for each path.
    #[must_use]
    pub fn differences(&self, later: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (path, state) in &self.0 {
            match later.0.get(path) {
                None => lines.push(format!("{} is gone", path.display())),
                Some(now) if now != state => lines.push(format!("{} is changed", path.display())),
                Some(_) => {}
            }
        }
        let new = later.0.keys().filter(|path| !self.0.contains_key(*path));
        lines.extend(new.map(|path| format!("{} is new", path.display())));
        lines
    }
}

fn state(path: &Path) -> std::io::Result<String> {
    let meta = fs::symlink_metadata(path)?;
    let mut state = format!(
        "{:o} {} {}",
        meta.permissions().mode(),
        meta.uid(),
        meta.gid()
    );
    if meta.is_symlink() {
        state += &format!(" {}", fs::read_link(path)?.display());
    } else if meta.is_file() {
        state += &format!(" {:x?}", Sha256::digest(fs::read(path)?));
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Snapshot;

    #[test]
    fn what_is_new_changed_or_gone_is_told() {
        let root = tempfile::tempdir().unwrap();
        let file = |name: &str| root.path().join(name);
        fs::create_dir(file("etc")).unwrap();
        for name in ["etc/passwd", "etc/passwd-", "etc/hosts"] {
            fs::write(file(name), "a").unwrap();
        }
        let before = Snapshot::take(root.path()).unwrap();
        assert_eq!(before.len(), 3);
        fs::write(file("etc/passwd"), "b").unwrap();
        fs::write(file("etc/passwd-"), "b").unwrap();
        fs::remove_file(file("etc/hosts")).unwrap();
        fs::write(file("etc/left"), "").unwrap();
        let after = Snapshot::take(root.path()).unwrap();
        let told = before.differences(&after);
        let expected = [
            "etc/hosts is gone",
            "etc/passwd is changed",
            "etc/left is new",
        ];
        assert_eq!(told, expected);
        assert_eq!(after.differences(&after), [""; 0]);
    }
}
