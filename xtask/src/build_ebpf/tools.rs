//! The tools that compile for BPF: found, installed where missing, and of the pinned versions.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    digest::{BPF_LINKER, RUSTC},
    support::{process, registries, workspace},
};

/// Names an archive (tar.xz holding the folder `library`) of the standard library's sources, for
/// machines that can't reach rustup's server.
const RUST_SRC_ARCHIVE: &str = "PORTWATCH_RUST_SRC_ARCHIVE";

/// The tools, ready for use.
pub struct Tools {
    /// Run before `cargo` and `rustc`: `rustup run VERSION`, or nothing.
    launcher: Vec<String>,
    /// Directory to look for bpf-linker in before PATH.
    linker_dir: PathBuf,
    /// Cargo's home, which holds the sources of dependencies.
    pub cargo_home: PathBuf,
    /// The folder that holds the standard library's folder `library`.
    pub rust_src: PathBuf,
}

impl Tools {
    /// Finds the tools and installs those that are missing.
    ///
    /// # Errors
    /// When a tool can neither be found nor installed; says what to do by hand.
    pub fn ensure() -> Result<Self> {
        let mut tools = Self {
            launcher: launcher()?,
            linker_dir: workspace::target().join("tools/bin"),
            cargo_home: registries::cargo_home()?,
            rust_src: PathBuf::new(),
        };
        let sysroot = process::stdout(tools.tool("rustc").args(["--print", "sysroot"]))?;
        tools.rust_src = Path::new(&sysroot).join("lib/rustlib/src/rust");
        tools.ensure_rust_src()?;
        tools.ensure_linker()?;
        Ok(tools)
    }

    /// A cargo of the pinned version, free of settings that the surrounding cargo left.
    pub fn cargo(&self) -> Command {
        self.tool("cargo")
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = match self.launcher.split_first() {
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(name);
                command
            }
            None => Command::new(name),
        };
        for variable in [
            "RUSTUP_TOOLCHAIN",
            "CARGO",
            "RUSTC",
            "RUSTFLAGS",
            "RUSTC_WRAPPER",
        ] {
            command.env_remove(variable);
        }
        command.env("PATH", self.path());
        command
    }

    fn path(&self) -> OsString {
        let mut path = self.linker_dir.clone().into_os_string();
        if let Some(rest) = env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        path
    }

    fn ensure_rust_src(&self) -> Result<()> {
        // Cargo resolves build-std from this lock file.
        let wanted = self.rust_src.join("library/Cargo.lock");
        if wanted.is_file() {
            return Ok(());
        }
        let by_rustup = process::run(Command::new("rustup").args([
            "component",
            "add",
            "rust-src",
            "--toolchain",
            RUSTC,
        ]));
        if by_rustup.is_ok() && wanted.is_file() {
            return Ok(());
        }
        let Some(archive) = env::var_os(RUST_SRC_ARCHIVE) else {
            bail!(
                "the sources of the standard library are missing ({}): run `rustup component add \
                 rust-src --toolchain {RUSTC}`, or name an archive of them in {RUST_SRC_ARCHIVE}",
                wanted.display(),
            );
        };
        fs::create_dir_all(&self.rust_src)
            .with_context(|| format!("creating {}", self.rust_src.display()))?;
        process::run(
            Command::new("tar")
                .arg("-xJf")
                .arg(&archive)
                .arg("-C")
                .arg(&self.rust_src),
        )
        .with_context(|| format!("unpacking the archive that {RUST_SRC_ARCHIVE} names"))?;
        if !wanted.is_file() {
            bail!("the archive that {RUST_SRC_ARCHIVE} names holds no library/Cargo.lock");
        }
        Ok(())
    }

    fn ensure_linker(&self) -> Result<()> {
        let version = || {
            process::stdout(
                Command::new("bpf-linker")
                    .arg("--version")
                    .env("PATH", self.path()),
            )
        };
        let wanted = format!("bpf-linker {BPF_LINKER}");
        if version().is_ok_and(|found| found == wanted) {
            return Ok(());
        }
        eprintln!("installing {wanted} into {}", self.linker_dir.display());
        process::run(
            self.cargo()
                .args(["install", "--locked", "--root"])
                .arg(workspace::target().join("tools"))
                .arg(format!("bpf-linker@{BPF_LINKER}")),
        )
        .context("could not install bpf-linker")?;
        let found = version()?;
        if found != wanted {
            bail!("wanted {wanted}, but the one installed calls itself {found}");
        }
        Ok(())
    }
}

/// How to start the pinned compiler: through rustup, or as it is where its version is right.
fn launcher() -> Result<Vec<String>> {
    let by_rustup = ["rustup", "run", RUSTC].map(str::to_owned).to_vec();
    let has = || {
        process::stdout(Command::new("rustup").args(["run", RUSTC, "rustc", "-V"]))
            .is_ok_and(|version| is_pinned(&version))
    };
    if has() {
        return Ok(by_rustup);
    }
    let plain = process::stdout(Command::new("rustc").arg("-V"));
    if plain.is_ok_and(|version| is_pinned(&version)) {
        return Ok(Vec::new());
    }
    let install = ["toolchain", "install", RUSTC, "--profile", "minimal"];
    process::run(Command::new("rustup").args(install)).with_context(|| {
        format!("the kernel side is compiled by rustc {RUSTC}: install it, best with rustup")
    })?;
    Ok(by_rustup)
}

fn is_pinned(version: &str) -> bool {
    version.split(' ').nth(1) == Some(RUSTC)
}
