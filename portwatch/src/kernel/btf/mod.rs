//! The kernel's type information (BTF, Documentation/bpf/btf.rst): where a structure's members are
//! and which functions exist.
//!
//! Only what portwatch asks for: structures by name, members by path, functions by name. Every
//! access is bounds-checked and every walk bounded, so that no bytes can make it panic or hang.

mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod member;
mod section;
#[cfg(test)]
mod tests;

use std::{fs, path::Path};

pub use error::BtfError;
pub use member::{Kind, Member};
use section::{Section, Type, kind};

/// Where the running kernel shows its own type information.
pub const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

/// Parsed type information.
#[derive(Debug)]
pub struct Btf {
    section: Section,
    /// Ids of the named structures and unions, and of the functions, in the file's order.
    structures: Vec<u32>,
    functions: Vec<u32>,
}

impl Btf {
    /// Reads the running kernel's type information, [`KERNEL_BTF`].
    ///
    /// # Errors
    /// When the file is missing, unreadable or malformed.
    pub fn from_kernel() -> Result<Self, BtfError> {
        Self::from_file(Path::new(KERNEL_BTF))
    }

    /// Reads type information from a file.
    ///
    /// # Errors
    /// When the file is missing, unreadable or malformed.
    pub fn from_file(path: &Path) -> Result<Self, BtfError> {
        let data = fs::read(path).map_err(|error| BtfError::unreadable(path, error))?;
        Self::from_bytes(data)
    }

    /// Parses type information.
    ///
    /// # Errors
    /// [`BtfError::Malformed`].
    pub fn from_bytes(data: Vec<u8>) -> Result<Self, BtfError> {
        let section = Section::new(data)?;
        let (mut structures, mut functions) = (Vec::new(), Vec::new());
        for id in section.ids() {
            let found = section.get(id)?;
            match found.kind {
                kind::STRUCT | kind::UNION if found.name != 0 => structures.push(id),
                kind::FUNC => functions.push(id),
                _ => {}
            }
        }
        Ok(Self {
            section,
            structures,
            functions,
        })
    }

    /// True where a structure or union of this name is defined.
    #[must_use]
    pub fn has_struct(&self, name: &str) -> bool {
        self.structure(name).is_ok()
    }

    /// True where a function of this name exists.
    #[must_use]
    pub fn has_func(&self, name: &str) -> bool {
        self.function(name).is_some()
    }

    /// Type id of a function; none where it doesn't exist.
    #[must_use]
    pub fn func_id(&self, name: &str) -> Option<u32> {
        self.by_name(&self.functions, name).map(|(id, _)| id)
    }

    /// Number of parameters of a function; none where it doesn't exist.
    #[must_use]
    pub fn func_param_count(&self, name: &str) -> Option<usize> {
        let function = self.function(name)?;
        let prototype = self.section.get(function.size_or_type).ok()?;
        (prototype.kind == kind::FUNC_PROTO).then_some(usize::from(prototype.len))
    }

    /// Finds a member by its path, `a.b.c` for one in an embedded structure. Members of anonymous
    /// structures and unions are found as in C, without naming these.
    ///
    /// # Errors
    /// When there is no such structure or member, or the bytes around it are malformed.
    pub fn member(&self, structure: &str, path: &str) -> Result<Member, BtfError> {
        let id = self.structure(structure)?;
        member::find(&self.section, id, path)?.ok_or_else(|| BtfError::NoSuchMember {
            structure: structure.to_owned(),
            member: path.to_owned(),
        })
    }

    /// Bytes of a structure or union.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn struct_size(&self, name: &str) -> Result<u32, BtfError> {
        let id = self.structure(name)?;
        Ok(self.section.get(id)?.size_or_type)
    }

    fn structure(&self, name: &str) -> Result<u32, BtfError> {
        self.by_name(&self.structures, name)
            .map(|(id, _)| id)
            .ok_or_else(|| BtfError::NoSuchStruct(name.to_owned()))
    }

    fn function(&self, name: &str) -> Option<Type> {
        self.by_name(&self.functions, name).map(|(_, found)| found)
    }

    /// A look at every name: with the few dozen names asked for in a run, cheaper than hashing all.
    fn by_name(&self, ids: &[u32], name: &str) -> Option<(u32, Type)> {
        ids.iter().find_map(|&id| {
            let found = self.section.get(id).ok()?;
            self.section
                .is_named(found.name, name)
                .then_some((id, found))
        })
    }
}
