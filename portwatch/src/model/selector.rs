use std::{convert::Infallible, fmt, str::FromStr};

use super::NetnsId;

/// A network namespace as somebody names it on the command line: `web1`, `4026531840`,
/// `net:[4026531840]` or a path such as `/proc/812/ns/net`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetnsSelector {
    text: String,
    inum: Option<u32>,
}

impl NetnsSelector {
    /// The path to look up, where it is one that nobody has looked up yet.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        (self.inum.is_none() && self.text.starts_with('/')).then_some(&self.text)
    }

    /// The same selector, of the namespace with this inode number.
    #[must_use]
    pub fn resolved(self, inum: u32) -> Self {
        Self {
            inum: Some(inum),
            ..self
        }
    }

    /// Whether it names this namespace. A number is an inode number or a name made of digits; a
    /// path names nothing before it is [`resolved`](Self::resolved).
    #[must_use]
    pub fn matches(&self, netns: &NetnsId) -> bool {
        self.inum == Some(netns.inum) || netns.name.as_deref() == Some(&self.text)
    }
}

impl FromStr for NetnsSelector {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let number = text
            .strip_prefix("net:[")
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(text);
        Ok(Self {
            text: text.to_owned(),
            inum: number.parse().ok(),
        })
    }
}

impl fmt::Display for NetnsSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::{NetnsId, NetnsSelector};

    fn selector(text: &str) -> NetnsSelector {
        text.parse().unwrap()
    }

    fn netns(name: Option<&str>, inum: u32) -> NetnsId {
        NetnsId {
            name: name.map(Into::into),
            inum,
            cookie: 1,
        }
    }

    #[test]
    fn names_and_numbers() {
        let web1 = netns(Some("web1"), 4_026_532_000);
        assert!(selector("web1").matches(&web1));
        assert!(selector("4026532000").matches(&web1));
        assert!(selector("net:[4026532000]").matches(&web1));
        assert!(!selector("web").matches(&web1));
        assert!(!selector("4026532001").matches(&web1));
        assert!(selector("7").matches(&netns(Some("7"), 1)));
    }

    #[test]
    fn a_path_matches_once_it_is_resolved() {
        let path = selector("/proc/812/ns/net");
        assert_eq!(path.path(), Some("/proc/812/ns/net"));
        assert!(!path.matches(&netns(None, 5)));
        let resolved = path.resolved(5);
        assert_eq!(resolved.path(), None);
        assert!(resolved.matches(&netns(None, 5)));
    }
}
