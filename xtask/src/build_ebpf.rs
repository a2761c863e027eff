//! `cargo xtask build-ebpf`: compiles the kernel side into the object that is committed.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{digest, ebpf_tools::Tools, process, strip, workspace};

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
    let root = workspace::root();
    let tools = Tools::ensure()?;
    let object = compile(&tools, root)?;
    let digest = format!(
        "{}\n",
        digest::of_sources(root).context("reading the sources")?
    );
    if args.check {
        compare(&root.join(OBJECT), &object)?;
        compare(&root.join(DIGEST), digest.as_bytes())?;
        println!(
            "{OBJECT} is what its sources compile to ({} bytes)",
            object.len()
        );
        return Ok(());
    }
    write(&root.join(OBJECT), &object)?;
    write(&root.join(DIGEST), digest.as_bytes())?;
    println!("wrote {OBJECT}: {} bytes", object.len());
    Ok(())
}

/// Compiles and strips; the bytes of the object.
fn compile(tools: &Tools, root: &Path) -> Result<Vec<u8>> {
    let target_dir = workspace::target().join("ebpf");
    // The sources of the dependencies have to be there before their directories can be remapped.
    process::run(tools.cargo().args(["fetch", "--locked"]).current_dir(root))
        .context("could not fetch the dependencies")?;
    process::run(
        tools
            .cargo()
            .args([
                "build",
                "--release",
                "--locked",
                "--package",
                "portwatch-ebpf",
            ])
            .args([
                "--bin",
                "portwatch",
                "--target",
                TARGET,
                "-Z",
                "build-std=core",
            ])
            .arg("--target-dir")
            .arg(&target_dir)
            // -Z is refused without it on a stable compiler.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_ENCODED_RUSTFLAGS", rustflags(tools, root)?)
            .current_dir(root),
    )
    .context("the kernel side does not compile")?;
    let linked = target_dir.join(TARGET).join("release/portwatch");
    let linked = fs::read(&linked).with_context(|| format!("reading {}", linked.display()))?;
    strip::debug_sections(&linked)
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
    for registry in registries(&tools.cargo_home)? {
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

/// The directories that hold unpacked crates, one a registry.
fn registries(cargo_home: &Path) -> Result<Vec<PathBuf>> {
    let sources = cargo_home.join("registry/src");
    let entries = fs::read_dir(&sources)
        .with_context(|| format!("reading {}, where cargo unpacks crates", sources.display()))?;
    let paths: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.with_context(|| format!("reading {}", sources.display()))?;
    paths.sort();
    Ok(paths)
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
