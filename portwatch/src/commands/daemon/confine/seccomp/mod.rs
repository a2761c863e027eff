//! System calls: what every thread may still ask of the kernel.
//!
//! A list of what is allowed, not of what is forbidden: of the kernel's some 400 calls a running daemon
//! needs 90, and a list of the forbidden ones would be wrong with each new kernel. The list is wider than
//! what one libc was seen to use, so that another one does as well. What is not in it fails with EPERM
//! and ends nothing; two calls that a libc tries first fail with ENOSYS, which has it take the older
//! way, whose flags can be looked at. The kernel's log has each call that was refused with EPERM, so
//! that a libc's new habit is not a riddle.

mod calls;

use std::{collections::BTreeMap, env::consts::ARCH, io};

use anyhow::{Context, Result};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

/// A filter's rules: a system call without any is meant whatever its arguments are.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Confines the calling thread, and those that it starts. A kernel without seccomp does not: that is
/// told in the log.
///
/// # Errors
/// When the filters make no sense on this architecture.
pub(super) fn restrict() -> Result<()> {
    let refused = |errno: i32| SeccompAction::Errno(errno.unsigned_abs());
    let absent = calls::ABSENT.map(|call| (call, Vec::new()));
    let absent = compile(absent.into(), SeccompAction::Allow, refused(libc::ENOSYS))?;
    let allowed = compile(
        calls::allowed()?,
        refused(libc::EPERM),
        SeccompAction::Allow,
    )?;
    // Of two filters that refuse alike the later one has its say, so this one allows those calls.
    let applied = apply_filter(&absent)
        .map_err(io::Error::other)
        .and_then(|()| apply_and_log(&allowed));
    match applied {
        Ok(()) => log::info!("system calls are confined by seccomp"),
        Err(error) => log::warn!(
            "system calls are not confined: {error} (the kernel needs CONFIG_SECCOMP_FILTER)"
        ),
    }
    Ok(())
}

/// Applies a filter to the calling thread, and has the kernel log what it refuses.
fn apply_and_log(program: &BpfProgram) -> io::Result<()> {
    let filter = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        filter: program.as_ptr().cast_mut().cast(),
    };
    // SAFETY: `filter` points to `len` instructions of the kernel's own layout, which it only reads.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_LOG,
            &raw const filter,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn compile(rules: Rules, otherwise: SeccompAction, matched: SeccompAction) -> Result<BpfProgram> {
    let wrong = "cannot make a filter of system calls";
    let arch = TargetArch::try_from(ARCH).context(wrong)?;
    let filter = SeccompFilter::new(rules, otherwise, matched, arch).context(wrong)?;
    BpfProgram::try_from(filter).context(wrong)
}
