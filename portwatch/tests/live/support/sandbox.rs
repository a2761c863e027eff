//! Surroundings in which the program cannot do its job.

use std::{
    ffi::CString,
    fs::File,
    io,
    os::{
        fd::AsRawFd,
        unix::{ffi::OsStrExt, process::CommandExt},
    },
    path::Path,
    process::Command,
};

use rustix::{
    mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change, mount_remount},
    thread::UnshareFlags,
};

use super::process::{Finished, finish};

const NOBODY: u32 = 65_534;

/// Runs the program as a user without any privilege.
pub fn as_nobody(arguments: &[&str]) -> Finished {
    // Through an open file: the user may not be allowed to walk the path to it.
    let program = File::open(env!("CARGO_BIN_EXE_portwatch")).expect("open portwatch");
    let path = format!("/proc/self/fd/{}", program.as_raw_fd());
    finish(
        Command::new(path)
            .args(arguments)
            .uid(NOBODY)
            .gid(NOBODY)
            .current_dir("/"),
    )
}

/// Hides the kernel's type information from the program.
pub fn without_btf(command: &mut Command) -> &mut Command {
    with_mount(command, || {
        let none = MountFlags::empty();
        mount(c"none", c"/sys/kernel/btf", c"tmpfs", none, None)
    })
}

/// Lets the program change no sysctl, as containers do.
pub fn without_sysctls(command: &mut Command) -> &mut Command {
    with_mount(command, || {
        let flags = MountFlags::BIND | MountFlags::RDONLY;
        mount_bind(c"/proc/sys", c"/proc/sys")?;
        mount_remount(c"/proc/sys", flags, c"")
    })
}

/// Shows the program the content of a file instead of the kernel's type information.
pub fn with_btf<'a>(command: &'a mut Command, file: &Path) -> &'a mut Command {
    let file = CString::new(file.as_os_str().as_bytes()).expect("a path");
    with_mount(command, move || mount_bind(file.as_c_str(), BTF))
}

/// Shows the program a directory instead of systemd's, if this machine has one: its journal's socket
/// is `journal/socket` in it.
pub fn with_systemd<'a>(command: &'a mut Command, directory: &Path) -> Option<&'a mut Command> {
    let directory = CString::new(directory.as_os_str().as_bytes()).expect("a path");
    let there = Path::new(SYSTEMD).is_dir();
    there.then(|| with_mount(command, move || mount_bind(directory.as_c_str(), SYSTEMD)))
}

/// Where systemd's sockets are.
const SYSTEMD: &str = "/run/systemd";

/// Where the kernel tells its own types.
pub const BTF: &str = "/sys/kernel/btf/vmlinux";

/// Mounts something in a mount namespace of the program's own.
fn with_mount(
    command: &mut Command,
    mount: impl Fn() -> rustix::io::Result<()> + Send + Sync + 'static,
) -> &mut Command {
    let prepare = move || {
        // SAFETY: a new mount namespace is this process's own affair; it shares no files.
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }?;
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change(c"/", private)?;
        Ok(mount()?)
    };
    // SAFETY: between fork and exec the closure only makes system calls.
    unsafe { command.pre_exec(prepare) }
}

/// Makes the kernel refuse every `BPF_PROG_LOAD` with EPERM, whatever the privileges.
pub fn without_program_load(command: &mut Command) -> &mut Command {
    const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    const BPF_PROG_LOAD: u32 = 5;
    // Offsets in `struct seccomp_data`, include/uapi/linux/seccomp.h; the low word of arguments[0].
    let (number, argument) = (0, 16);
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let bpf = u32::try_from(libc::SYS_bpf).expect("a system call number");
    let refuse = libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs();
    let mut filter = [
        step(LOAD_WORD, 0, 0, number),
        step(IF_EQUAL, 0, 3, bpf),
        step(LOAD_WORD, 0, 0, argument),
        step(IF_EQUAL, 0, 1, BPF_PROG_LOAD),
        step(RETURN, 0, 0, refuse),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let install = move || {
        let program = libc::sock_fprog {
            len: u16::try_from(filter.len()).unwrap_or(0),
            filter: filter.as_mut_ptr(),
        };
        // SAFETY: the program points to `len` instructions that live through the call.
        let result = unsafe {
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            )
        };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    };
    // SAFETY: between fork and exec the closure only makes a system call.
    unsafe { command.pre_exec(install) }
}
