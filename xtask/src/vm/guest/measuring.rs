//! What a guest holds that measures.

use std::path::PathBuf;

use anyhow::Result;

use super::{
    Contents,
    programs::{artifacts, cargo, find},
};

/// What a namespace of its own, and bpftrace in one, take.
const TOOLS: [&str; 4] = ["ip", "sh", "mount", "unshare"];

/// The compiled programs.
pub struct Measuring {
    /// The guest's first process.
    pub init: PathBuf,
    /// portwatch.
    pub portwatch: PathBuf,
    /// This program, optimised like portwatch.
    pub xtask: PathBuf,
}

impl Measuring {
    /// Compiles them.
    ///
    /// # Errors
    /// When one does not compile.
    pub fn build() -> Result<Self> {
        let build = |package: &str| {
            let built = artifacts(cargo(&["build"]).args(["--package", package]))?;
            find(&built, package, "bin", false)
        };
        Ok(Self {
            init: build("guest-init")?,
            portwatch: build("portwatch")?,
            xtask: build("xtask")?,
        })
    }

    /// A file system with them, and with these programs of this machine.
    ///
    /// # Errors
    /// When a program is not there, or its libraries can't be found.
    pub fn contents(&self, tools: &[String]) -> Result<Contents> {
        let mut contents = Contents::of_probe(&self.init)?;
        for tool in TOOLS {
            contents.add_tool(tool)?;
        }
        for tool in tools {
            contents.add_tool(tool)?;
        }
        contents.add_program(&self.portwatch)?;
        contents.add_program(&self.xtask)?;
        Ok(contents)
    }
}
