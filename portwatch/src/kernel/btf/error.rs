use std::{
    io,
    path::{Path, PathBuf},
};

/// Why type information can't be had.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The kernel doesn't offer it.
    #[error(
        "{} does not exist: this kernel carries no type information \
         (it has to be built with CONFIG_DEBUG_INFO_BTF=y)",
        .0.display()
    )]
    Missing(PathBuf),
    /// The file is there and can't be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The bytes break the format's rules.
    #[error("malformed BTF: {0}")]
    Malformed(&'static str),
    /// No structure or union of this name is defined.
    #[error("no structure {0}")]
    NoSuchStruct(String),
    /// The structure has no such member.
    #[error("structure {structure} has no member {member}")]
    NoSuchMember {
        /// The structure that was searched.
        structure: String,
        /// The path asked for.
        member: String,
    },
}

impl BtfError {
    pub(super) fn unreadable(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::NotFound {
            Self::Missing(path)
        } else {
            Self::Unreadable { path, source }
        }
    }
}
