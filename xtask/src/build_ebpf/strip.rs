//! Taking the debug sections out of an object.

use anyhow::{Context, Result};
use object::{
    build::elf::{Builder, SectionData},
    elf::SHT_STRTAB,
};

/// Removes the DWARF sections of an ELF object, and what refers to them; BTF stays.
///
/// Done here and not by `llvm-strip`, whose output differs between the versions that
/// distributions ship, while the committed object has to be the same bytes everywhere.
///
/// # Errors
/// When `object` is not ELF.
pub fn debug_sections(object: &[u8]) -> Result<Vec<u8>> {
    let mut elf = Builder::read(object).context("the linker's output is not an ELF object")?;
    for section in &mut elf.sections {
        let name = section.name.to_string();
        if name.starts_with(".debug_") || name.starts_with(".rel.debug_") {
            section.delete = true;
        }
    }
    elf.delete_orphans();
    // LLVM keeps the names of sections in the symbols' string table; the writer wants two tables.
    if !elf
        .sections
        .iter()
        .any(|s| matches!(s.data, SectionData::SectionString))
    {
        let names = elf.sections.add();
        names.name = b".shstrtab"[..].into();
        names.sh_type = SHT_STRTAB;
        names.sh_addralign = 1;
        names.data = SectionData::SectionString;
    }
    let mut stripped = Vec::new();
    elf.write(&mut stripped)
        .context("could not write the stripped object")?;
    Ok(stripped)
}
