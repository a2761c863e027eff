use std::{
    convert::Infallible,
    fmt, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use super::{Discovery, Netns, discovery::NAMED};

/// How an operator names a network namespace: `web1`, `4026532281`, `net:[4026532281]`,
/// `/proc/812/ns/net`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Inode number.
    Inum(u32),
    /// Path of a file that is a namespace.
    Path(PathBuf),
    /// Name of a mount, or container id (the first characters suffice while they are unique).
    Name(String),
}

/// Why a selector leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum SelectorError {
    /// Nothing that was found fits.
    #[error("no network namespace {0} was found; `ip netns` and `lsns -t net` list them")]
    Absent(Selector),
    /// Several fit.
    #[error("{0} fits several network namespaces; give more of it, or the inode number")]
    Ambiguous(Selector),
    /// The path is no namespace, or not ours to open.
    #[error("cannot open the network namespace {0}: {1}")]
    Unusable(Selector, io::Error),
}

impl Selector {
    /// Looks the namespace up; one given by path is added to those found.
    ///
    /// # Errors
    /// [`SelectorError`].
    pub fn resolve(&self, found: &mut Discovery) -> Result<u32, SelectorError> {
        match self {
            Self::Inum(inum) => self.resolve_inum(*inum, found),
            Self::Path(path) => Netns::open(path)
                .map(|netns| found.insert(netns))
                .map_err(|error| SelectorError::Unusable(self.clone(), error)),
            Self::Name(name) => self.resolve_name(name, found),
        }
    }

    /// Worth a deeper look: lsns(8) shows inode numbers of what only a thread or descriptor holds.
    fn resolve_inum(&self, inum: u32, found: &mut Discovery) -> Result<u32, SelectorError> {
        if !found.namespaces.contains_key(&inum) {
            found
                .deepen()
                .map_err(|error| SelectorError::Unusable(self.clone(), error))?;
        }
        if !found.namespaces.contains_key(&inum) {
            return Err(SelectorError::Absent(self.clone()));
        }
        Ok(inum)
    }

    /// A mount of that name counts first: a namespace can have several names, and shows one.
    fn resolve_name(&self, name: &str, found: &mut Discovery) -> Result<u32, SelectorError> {
        let mounted = NAMED
            .iter()
            .find_map(|directory| Netns::open(&Path::new(directory).join(name)).ok());
        if let Some(netns) = mounted {
            return Ok(found.insert(netns));
        }
        let mut fitting = found.namespaces.values().filter(|netns| {
            let container = netns.container.as_deref().unwrap_or_default();
            netns.name.as_deref() == Some(name) || container.starts_with(name)
        });
        match (fitting.next(), fitting.next()) {
            (None, _) => Err(SelectorError::Absent(self.clone())),
            (Some(netns), None) => Ok(netns.inum),
            (Some(_), Some(_)) => Err(SelectorError::Ambiguous(self.clone())),
        }
    }
}

impl FromStr for Selector {
    type Err = Infallible;

    /// What has a slash is a path, a number is an inode number, all else is a name.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let inode = text
            .strip_prefix("net:[")
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(text);
        Ok(match inode.parse() {
            Ok(inum) => Self::Inum(inum),
            Err(_) if text.contains('/') => Self::Path(text.into()),
            Err(_) => Self::Name(text.to_owned()),
        })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inum(inum) => write!(f, "net:[{inum}]"),
            Self::Path(path) => path.display().fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsFd, AsRawFd};

    use super::{Selector, SelectorError};
    use crate::kernel::netns::{Discovery, fixture::TestNetns};

    fn selector(text: &str) -> Selector {
        match text.parse() {
            Ok(selector) => selector,
        }
    }

    #[test]
    fn tells_the_ways_to_name_one_apart() {
        assert_eq!(selector("4026532281"), Selector::Inum(4_026_532_281));
        assert_eq!(selector("net:[4026532281]"), Selector::Inum(4_026_532_281));
        assert_eq!(
            selector("/run/netns/1"),
            Selector::Path("/run/netns/1".into())
        );
        assert_eq!(selector("web1"), Selector::Name("web1".to_owned()));
        // An inode number of a namespace has 32 bits; this one can be a container's.
        let digits = "123456789012";
        assert_eq!(selector(digits), Selector::Name(digits.to_owned()));
    }

    #[test]
    fn resolves_inode_numbers_and_paths() {
        let namespace = TestNetns::new();
        let inum = namespace.inum();
        let path = format!("/proc/self/fd/{}", namespace.as_fd().as_raw_fd());
        for text in [path, inum.to_string(), format!("net:[{inum}]")] {
            let mut found = Discovery::new().unwrap();
            assert_eq!(selector(&text).resolve(&mut found).unwrap(), inum, "{text}");
            assert!(found.namespaces.contains_key(&inum));
        }
    }

    #[test]
    fn resolves_names_and_the_beginning_of_a_container_id() {
        let mut found = Discovery::new().unwrap();
        let mut resolve = |text: &str| selector(text).resolve(&mut found);
        assert!(matches!(resolve("named"), Err(SelectorError::Absent(_))));
        let (one, two) = (TestNetns::new(), TestNetns::new());
        let (one_inum, two_inum) = (one.inum(), two.inum());
        for (namespace, name, id) in [(one, "named", "beef01"), (two, "named2", "beef02")] {
            let mut netns = namespace.into_inner();
            netns.name = Some(name.into());
            netns.container = Some(id.into());
            found.insert(netns);
        }
        let mut resolve = |text: &str| selector(text).resolve(&mut found);
        assert_eq!(resolve("named").unwrap(), one_inum);
        assert_eq!(resolve("named2").unwrap(), two_inum);
        assert_eq!(resolve("beef02").unwrap(), two_inum);
        assert!(matches!(resolve("beef"), Err(SelectorError::Ambiguous(_))));
        for absent in ["name", "beef03"] {
            assert!(matches!(resolve(absent), Err(SelectorError::Absent(_))));
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_path() {
        let mut found = Discovery::default();
        let error = selector("/proc/self/comm").resolve(&mut found).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot open the network namespace /proc/self/comm: not a network namespace"
        );
    }
}
