//! The program that is packed: static, without a path of the machine that it was built on.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use object::{
    Endianness, elf,
    read::elf::{ElfFile64, ProgramHeader as _},
};

use crate::support::{process, registries, workspace};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds it. With glibc, for that target is everywhere; portwatch asks glibc for no names of hosts
/// or accounts, which is what a static one can't do alone.
///
/// # Errors
/// When it does not compile.
pub fn build() -> Result<PathBuf> {
    let root = workspace::root();
    let mut flags = vec![
        OsString::from("-Ctarget-feature=+crt-static"),
        remap(root, "/portwatch"),
    ];
    let sysroot = process::stdout(Command::new("rustc").args(["--print", "sysroot"]))?;
    // Where its sources are installed, the compiler names the standard library's by their place.
    flags.push(remap(
        &Path::new(&sysroot).join("lib/rustlib/src/rust"),
        "/rustc",
    ));
    let cargo_home = registries::cargo_home()?;
    if cargo_home.join("registry/src").is_dir() {
        let unpacked = registries::unpacked(&cargo_home)?;
        flags.extend(unpacked.iter().map(|registry| remap(registry, "/registry")));
    }
    process::run(
        Command::new(workspace::cargo())
            .args(["build", "--release", "--locked", "--package", "portwatch"])
            // Flags are for the target alone where one is named: build scripts may need shared libraries.
            .args(["--target", TARGET])
            .env(
                "CARGO_ENCODED_RUSTFLAGS",
                flags.join(&OsString::from("\x1f")),
            )
            .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
            .current_dir(root),
    )?;
    Ok(workspace::target().join(TARGET).join("release/portwatch"))
}

fn remap(from: &Path, to: &str) -> OsString {
    let mut flag = OsString::from("--remap-path-prefix=");
    flag.push(from);
    flag.push("=");
    flag.push(to);
    flag
}

/// Fails for a program that needs a loader, and so libraries of the system that it runs on.
///
/// # Errors
/// When it does, or is no program at all.
pub fn require_static(program: &Path) -> Result<()> {
    let shown = program.display();
    let bytes = fs::read(program).with_context(|| format!("reading {shown}"))?;
    let file = ElfFile64::<Endianness>::parse(&*bytes)
        .with_context(|| format!("{shown} is no 64-bit ELF file"))?;
    let endian = file.endian();
    let mut headers = file.elf_program_headers().iter();
    if headers.any(|header| header.p_type(endian) == elf::PT_INTERP) {
        bail!("{shown} is not static: it asks for a loader");
    }
    Ok(())
}
