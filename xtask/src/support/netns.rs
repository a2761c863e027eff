//! Private network namespaces, gone when their value is dropped.

use std::{ffi::OsStr, fs, fs::File, os::fd::AsFd as _, process::Command, thread};

use anyhow::{Context as _, Result, anyhow};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::process;

/// A named network namespace that this program made, its loopback interface up.
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace; this program's process number makes its name unique.
    ///
    /// # Errors
    /// When `ip` can't make it.
    pub fn create(purpose: &str) -> Result<Self> {
        let name = format!("pw{purpose}-{}", std::process::id());
        process::run(Command::new("ip").args(["netns", "add", &name]))?;
        let namespace = Self { name };
        namespace.ip(&["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Its name under /run/netns.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` with these arguments inside.
    ///
    /// # Errors
    /// When it fails.
    pub fn ip(&self, arguments: &[&str]) -> Result<()> {
        process::run(Command::new("ip").args(["-n", &self.name]).args(arguments))
    }

    /// A program that will run inside; the process keeps its number.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// The same, with the mounts of this machine, which `ip` replaces in part.
    #[must_use]
    pub fn enter(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name));
        command.arg("--").arg(program);
        command
    }

    /// Runs a function in a thread that is inside, and so are the threads that it starts.
    ///
    /// # Errors
    /// When the namespace can't be entered, and whatever the function returns.
    pub fn run<T: Send>(&self, function: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let path = format!("/run/netns/{}", self.name);
        let file = File::open(&path).with_context(|| format!("opening {path}"))?;
        let inside = || {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                .with_context(|| format!("entering {path}"))?;
            function()
        };
        thread::scope(|scope| scope.spawn(inside).join())
            .map_err(|_| anyhow!("a thread inside {path} panicked"))?
    }

    /// Sets `net.NAME`, written with slashes.
    ///
    /// # Errors
    /// When the kernel refuses the value.
    pub fn sysctl(&self, name: &str, value: &str) -> Result<()> {
        let path = format!("/proc/sys/net/{name}");
        self.run(|| fs::write(&path, value).with_context(|| format!("writing {value} to {path}")))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let mut delete = Command::new("ip");
        if let Err(error) = process::run(delete.args(["netns", "delete", &self.name])) {
            eprintln!("could not remove the network namespace: {error:#}");
        }
    }
}
