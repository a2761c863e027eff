use std::collections::HashMap;

use crate::model::{NetnsId, TupleSample};

/// What a reader finds each namespace by: its name, or its inode number where it has none or where
/// two have the same.
#[derive(Debug, Default)]
pub(super) struct Labels<'a> {
    /// The one namespace of a name, none where there are more.
    owners: HashMap<&'a str, Option<u32>>,
}

impl<'a> Labels<'a> {
    /// Of the namespaces that have a tuple.
    pub fn new(samples: &'a [TupleSample]) -> Self {
        let mut owners: HashMap<&str, Option<u32>> = HashMap::new();
        for sample in samples {
            let NetnsId { name, inum, .. } = &sample.tuple.netns;
            if let Some(name) = name {
                let owner = owners.entry(name).or_insert(Some(*inum));
                if *owner != Some(*inum) {
                    *owner = None;
                }
            }
        }
        Self { owners }
    }

    /// One namespace's.
    pub fn of(&self, netns: &NetnsId) -> String {
        let shared = |name: &str| matches!(self.owners.get(name), Some(None));
        match &netns.name {
            Some(name) if !shared(name) => name.to_string(),
            _ => netns.inum.to_string(),
        }
    }
}
