//! One guest, from its start to its end.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use guest_init::Plan;

use super::{accelerator::Accelerator, guest::Contents, kernels::Kernel, whole};
use crate::support::{child::Guarded, packages::QEMU};

/// The kernel's log.
pub const CONSOLE: &str = "console.log";
/// Reports and the tests' output.
pub const OUTPUT: &str = "output.log";
/// Complaints of QEMU's.
pub const QEMU_LOG: &str = "qemu.log";

/// The guest's file system.
const INITRAMFS: &str = "initramfs.cpio";

/// Enough for the tests' tens of thousands of sockets.
const MEMORY: &str = "1024";
/// An oops ends the guest: whatever it showed afterwards would prove nothing.
const KERNEL: &str = "console=ttyS0 quiet panic=-1 oops=panic reboot=t mitigations=off apparmor=0 \
    audit=0 random.trust_cpu=on";

/// How a guest ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Off,
    /// It was ended at its deadline.
    Deadline,
}

/// A running guest; gone when this value is dropped.
pub struct Guest {
    process: Guarded,
    started: Instant,
    limit: Duration,
    /// Held as long as the files are this guest's.
    _lock: File,
}

impl Guest {
    /// Starts a guest that follows `plan`, for at most `limit`; what it writes goes to files in
    /// `directory`.
    ///
    /// # Errors
    /// When QEMU can't be started.
    pub fn start(
        kernel: &Kernel,
        contents: &Contents,
        plan: Plan,
        accelerator: Accelerator,
        limit: Duration,
        directory: &Path,
    ) -> Result<Self> {
        fs::create_dir_all(directory)
            .with_context(|| format!("creating {}", directory.display()))?;
        let lock = lock(directory)?;
        whole::unmark(directory)?;
        let file = |name: &str| directory.join(name);
        let initramfs = file(INITRAMFS);
        contents.write(&initramfs, &kernel.modules, plan)?;
        let log = File::create(file(QEMU_LOG)).context("creating QEMU's log")?;
        let serial = |name: &str| format!("file:{}", file(name).display());
        let mut command = Command::new(QEMU.name());
        command
            .args(["-machine", "pc", "-m", MEMORY, "-nodefaults", "-no-reboot"])
            .args(["-display", "none"])
            .args(processor(accelerator))
            .args(["-serial", &serial(CONSOLE), "-serial", &serial(OUTPUT)])
            .args(["-append", KERNEL, "-kernel"])
            .arg(&kernel.image)
            .arg("-initrd")
            .arg(initramfs)
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("duplicating QEMU's log")?)
            .stderr(log);
        // Nothing of an earlier run may be taken for this one's.
        for name in [CONSOLE, OUTPUT] {
            fs::write(file(name), "").context("emptying a guest's log")?;
        }
        Ok(Self {
            process: Guarded::spawn(&mut command)?,
            started: Instant::now(),
            limit,
            _lock: lock,
        })
    }

    /// How the guest ended; none while it runs, after a short wait. Ends it at its deadline.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn poll(&mut self) -> Result<Option<End>> {
        if self.process.ended()?.is_some() {
            return Ok(Some(End::Off));
        }
        if self.started.elapsed() > self.limit {
            self.process.kill();
            return Ok(Some(End::Deadline));
        }
        thread::sleep(Duration::from_millis(20));
        Ok(None)
    }

    /// Time since its start.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Two guests must not write the same files.
fn lock(directory: &Path) -> Result<File> {
    let lock = File::create(directory.join("lock")).context("creating a guest's lock")?;
    lock.try_lock()
        .with_context(|| format!("a guest of another run uses {}", directory.display()))?;
    Ok(lock)
}

fn processor(accelerator: Accelerator) -> Vec<&'static str> {
    // The emulation of cmpxchg16b, which the kernel's allocator would use, corrupts memory; that of
    // `rep movsb` and `rep stosb` goes byte by byte.
    let emulated = ["-accel", "tcg", "-cpu", "max,-cx16,-erms,-fsrm"];
    // The clock counts instructions and jumps to the next timer when the guest is idle; that needs
    // a single processor.
    let skipping = ["-smp", "1", "-icount", "shift=2,sleep=off"];
    match accelerator {
        Accelerator::Kvm => vec!["-accel", "kvm", "-cpu", "host", "-smp", "2"],
        Accelerator::Tcg => [emulated, skipping].concat(),
        Accelerator::TcgInRealTime => [&emulated[..], &["-smp", "1"]].concat(),
    }
}

/// The directory of a guest's files.
#[must_use]
pub fn directory(runs: &Path, kernel: &str, hooks: &str) -> PathBuf {
    runs.join(format!("{kernel}-{hooks}"))
}

/// Removes what nobody needs of a guest that did well.
///
/// # Errors
/// When that fails.
pub fn tidy(directory: &Path) -> Result<()> {
    fs::remove_file(directory.join(INITRAMFS)).context("removing a guest's file system")
}
