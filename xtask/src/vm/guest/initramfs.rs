//! The guest's only file system.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use guest_init::{PLAN, PROGRAMS, Plan};

use super::{cpio::Archive, programs::Programs};
use crate::support::{packages, privilege::find, process};

/// What the tests start beside portwatch.
const TOOLS: [&str; 7] = ["ip", "ss", "sleep", "setpriv", "grep", "ls", "true"];
/// Where the modules are in the guest.
const MODULES: &str = "/modules";

/// What is in every guest's file system: programs, and the libraries that they need.
pub struct Contents {
    init: PathBuf,
    /// Each at the path that it has here.
    files: BTreeSet<PathBuf>,
    tools: Vec<PathBuf>,
}

impl Contents {
    /// Enough to run the tests.
    ///
    /// # Errors
    /// When a program is missing.
    pub fn of_tests(programs: &Programs) -> Result<Self> {
        packages::ensure(&[packages::IP, packages::SS, packages::SETPRIV])?;
        let mut contents = Self::of_probe(&programs.init)?;
        for tool in TOOLS {
            contents.add_tool(tool)?;
        }
        for program in [
            &programs.portwatch,
            &programs.unit_tests,
            &programs.live_tests,
        ] {
            contents.add_program(program)?;
        }
        Ok(contents)
    }

    /// Enough to boot.
    ///
    /// # Errors
    /// When the first process's libraries can't be found.
    pub fn of_probe(init: &Path) -> Result<Self> {
        Ok(Self {
            init: init.to_owned(),
            files: libraries(init)?,
            tools: Vec::new(),
        })
    }

    /// Adds a program of this machine, to be found by its name in the guest.
    ///
    /// # Errors
    /// When it is not there, or its libraries can't be found.
    pub fn add_tool(&mut self, name: &str) -> Result<()> {
        let path = find(name).with_context(|| format!("there is no {name}(1) here"))?;
        self.files.extend(libraries(&path)?);
        self.tools.push(path);
        Ok(())
    }

    /// Adds a program at the path that it has here.
    ///
    /// # Errors
    /// When its libraries can't be found.
    pub fn add_program(&mut self, program: &Path) -> Result<()> {
        self.files.extend(libraries(program)?);
        self.files.insert(program.to_owned());
        Ok(())
    }

    /// Writes the archive of a guest that follows `plan`, with these kernel modules.
    ///
    /// # Errors
    /// When a file can't be read, or the archive not be written.
    pub fn write(&self, path: &Path, modules: &[PathBuf], mut plan: Plan) -> Result<()> {
        let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
        let mut archive = Archive::new(BufWriter::new(file));
        // The kernel opens it for the first process, which mounts /dev itself.
        archive.device(Path::new("/dev/console"), 5, 1)?;
        archive.copy_to(&self.init, Path::new("/init"))?;
        for file in &self.files {
            archive.copy(file)?;
        }
        for tool in &self.tools {
            archive.copy_to(tool, &named_as(tool, PROGRAMS))?;
        }
        for module in modules {
            let inside = named_as(module, MODULES);
            archive.copy_to(module, &inside)?;
            plan.modules.push(inside);
        }
        let plan = serde_json::to_vec(&plan).context("writing the guest's plan")?;
        archive.file(Path::new(PLAN), &plan)?;
        archive.finish()?.flush().context("writing an archive")
    }
}

fn named_as(file: &Path, directory: &str) -> PathBuf {
    Path::new(directory).join(file.file_name().unwrap_or_default())
}

/// The shared libraries of a program, its loader among them; none of a static one.
fn libraries(program: &Path) -> Result<BTreeSet<PathBuf>> {
    let text = process::stdout(Command::new("ldd").arg(program).env("LC_ALL", "C"))?;
    let mut libraries = BTreeSet::new();
    for line in text.lines() {
        // `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)`, `/lib64/ld-linux-x86-64.so.2 (0x…)`,
        // `linux-vdso.so.1 (0x…)` for what the kernel provides.
        if line.contains("not found") {
            bail!("{}: {}", program.display(), line.trim());
        }
        let words = line.split_whitespace();
        libraries.extend(
            words
                .filter(|word| word.starts_with('/'))
                .map(PathBuf::from),
        );
    }
    Ok(libraries)
}
