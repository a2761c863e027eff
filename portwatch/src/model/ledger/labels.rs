use std::hash::Hash;

use crate::model::{NetnsId, TupleSample};

/// What a reader finds each namespace by: its name, or its inode number where it has none or where
/// two have the same. Of one that ended before anybody could look, the inode number is not known, and
/// the number of one that ended may be another's by now: those have their cookie.
#[derive(Debug, Default)]
pub(super) struct Labels<'a> {
    names: Owners<&'a str>,
    inums: Owners<u32>,
}

/// The one namespace, by cookie, that has something; none where more have.
type Owners<K> = foldhash::HashMap<K, Option<u64>>;

impl<'a> Labels<'a> {
    /// Of the namespaces that have a tuple.
    pub fn new(samples: &'a [TupleSample]) -> Self {
        let mut labels = Self::default();
        let mut noted = foldhash::HashSet::default();
        let mut last = None;
        for sample in samples {
            let NetnsId { name, inum, cookie } = &sample.tuple.netns;
            // Of one that ended unseen the number comes later, and so may a name.
            let this = (*cookie, *inum, name.is_some());
            // Most follow one of their own namespace.
            if last.replace(this) == Some(this) || !noted.insert(this) {
                continue;
            }
            if let Some(name) = name {
                note(&mut labels.names, name.as_ref(), *cookie);
            }
            note(&mut labels.inums, *inum, *cookie);
        }
        labels
    }

    /// One namespace's.
    pub fn of(&self, netns: &NetnsId) -> String {
        let NetnsId { name, inum, cookie } = netns;
        let shared = |name: &str| matches!(self.names.get(name), Some(None));
        match name {
            Some(name) if !shared(name) => name.to_string(),
            _ if *inum != 0 && self.inums.get(inum) != Some(&None) => inum.to_string(),
            _ => format!("cookie {cookie}"),
        }
    }
}

fn note<K: Hash + Eq>(owners: &mut Owners<K>, what: K, cookie: u64) {
    let owner = owners.entry(what).or_insert(Some(cookie));
    if *owner != Some(cookie) {
        *owner = None;
    }
}
