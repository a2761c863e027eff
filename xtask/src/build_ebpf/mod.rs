//! `cargo xtask build-ebpf`: compiles the kernel side into the object that is committed.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

mod strip;
mod tools;

use tools::Tools;

use crate::{
    digest,
    support::{process, registries, workspace},
};

const OBJECT: &str = "portwatch/ebpf/portwatch.bpf.o";
const DIGEST: &str = "portwatch/ebpf/portwatch.bpf.o.digest";
const TARGET: &str = "bpfel-unknown-none";

/// Compiles the kernel side into portwatch/ebpf/portwatch.bpf.o.
///
/// The committed object lets everything else build with stable Rust alone. The same sources give
/// the same bytes on every machine. Missing tools (rust-src, bpf-linker) are installed.
#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail unless the committed object is what its sources compile to
    #[arg(long)]
    check: bool,
}

pub fn run(args: Args) -> Result<()> {
    if args.check {
        return check();
    }
    let root = workspace::root();
    let build = Build::new()?;
    let object = build.object()?;
    write(&root.join(OBJECT), &object)?;
    write(&root.join(DIGEST), digest(root)?.as_bytes())?;
    println!("wrote {OBJECT}: {} bytes", object.len());
    Ok(())
}

/// Rebuilds the object and compares it with the committed one.
///
/// # Errors
/// When they differ, or the kernel side does not compile.
pub fn check() -> Result<()> {
    let root = workspace::root();
    let object = Build::new()?.object()?;
    compare(&root.join(OBJECT), &object)?;
    compare(&root.join(DIGEST), digest(root)?.as_bytes())?;
    let size = object.len();
    println!("{OBJECT} is what its sources compile to ({size} bytes)");
    Ok(())
}

/// Lints the kernel side, which the workspace's own lint run leaves out: it compiles for BPF only.
///
/// # Errors
/// When there are findings.
pub fn lint() -> Result<()> {
    let build = Build::new()?;
    process::run(build.cargo("clippy")?.args(["--", "-D", "warnings"]))
        .context("the kernel side has lint findings")
}

fn digest(root: &Path) -> Result<String> {
    let digest = digest::of_sources(root).context("reading the kernel side's sources")?;
    Ok(format!("{digest}\n"))
}

/// A build of the kernel side.
struct Build {
    tools: Tools,
    target_dir: PathBuf,
}

impl Build {
    fn new() -> Result<Self> {
        let tools = Tools::ensure()?;
        // Dependencies have to be unpacked before their directories can be remapped.
        let mut fetch = tools.cargo();
        fetch.args(["fetch", "--locked"]);
        process::run(fetch.current_dir(workspace::root()))
            .context("could not fetch the dependencies")?;
        let target_dir = workspace::target().join("ebpf");
        Ok(Self { tools, target_dir })
    }

    /// A subcommand of cargo that compiles for BPF.
    fn cargo(&self, subcommand: &str) -> Result<Command> {
        let root = workspace::root();
        let mut cargo = self.tools.cargo();
        cargo
            .args([
                subcommand,
                "--release",
                "--locked",
                "--package",
                "portwatch-ebpf",
            ])
            .args(["--target", TARGET, "-Z", "build-std=core", "--target-dir"])
            .arg(&self.target_dir)
            // -Z is refused without it on a stable compiler.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_ENCODED_RUSTFLAGS", rustflags(&self.tools, root)?)
            .current_dir(root);
        Ok(cargo)
    }

    /// Compiles and strips; the bytes of the object.
    fn object(&self) -> Result<Vec<u8>> {
        process::run(&mut self.cargo("build")?).context("the kernel side does not compile")?;
        let linked = self.target_dir.join(TARGET).join("release/portwatch");
        let linked = fs::read(&linked).with_context(|| format!("reading {}", linked.display()))?;
        strip::debug_sections(&linked)
    }
}

/// The compiler's flags, separated by 0x1f: BTF, and paths that are the same on every machine,
/// because source paths get into the object's BTF strings.
fn rustflags(tools: &Tools, root: &Path) -> Result<OsString> {
    let mut flags: Vec<OsString> = [
        "--cfg=bpf_target_arch=\"x86_64\"",
        "-Cdebuginfo=2",
        "-Clink-arg=--btf",
    ]
    .map(OsString::from)
    .into();
    let mut remap = |from: &Path, to: &str| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(from);
        flag.push("=");
        flag.push(to);
        flags.push(flag);
    };
    remap(root, "/portwatch");
    for registry in registries::unpacked(&tools.cargo_home)? {
        remap(&registry, "/registry");
    }
    remap(&tools.rust_src, "/rustc");
    let real = fs::canonicalize(tools.rust_src.join("library"))
        .context("resolving the sources of the standard library")?;
    if let Some(real) = real.parent()
        && real != tools.rust_src
    {
        remap(real, "/rustc");
    }
    Ok(flags.join(&OsString::from("\x1f")))
}

fn compare(committed: &Path, rebuilt: &[u8]) -> Result<()> {
    let shown = committed.display();
    let bytes = fs::read(committed)
        .with_context(|| format!("reading {shown}; `cargo xtask build-ebpf` writes it"))?;
    if bytes == rebuilt {
        return Ok(());
    }
    let at = bytes
        .iter()
        .zip(rebuilt)
        .take_while(|(a, b)| a == b)
        .count();
    bail!(
        "{shown} is not what the sources compile to: {} bytes committed, {} rebuilt, first \
         difference at byte {at}; run `cargo xtask build-ebpf` and commit the result",
        bytes.len(),
        rebuilt.len(),
    );
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}
