//! The system calls of a running daemon.

use anyhow::{Context, Result};
use libc::*;
use seccompiler::{
    SeccompCmpArgLen::{Dword, Qword},
    SeccompCmpOp::{self, Eq, MaskedEq},
    SeccompCondition, SeccompRule,
};

use super::Rules;

/// Calls with flags in memory, which a filter can't see; there is an older way for each.
pub(super) const ABSENT: [i64; 2] = [SYS_clone3, SYS_openat2];

/// Allowed with any arguments: none makes, changes or reaches more than what the process holds.
#[rustfmt::skip]
const ANY: &[i64] = &[
    // Files that are open, and what there is to see of others.
    SYS_read, SYS_readv, SYS_pread64, SYS_write, SYS_writev, SYS_lseek, SYS_close, SYS_close_range,
    SYS_fstat, SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs, SYS_readlinkat, SYS_getdents64,
    SYS_faccessat, SYS_faccessat2, SYS_fcntl, SYS_dup, SYS_dup3, SYS_getcwd,
    // The socket's name, at the end.
    SYS_unlinkat,
    SYS_munmap, SYS_mremap, SYS_brk, SYS_madvise, SYS_membarrier,
    SYS_exit, SYS_exit_group, SYS_futex, SYS_set_robust_list, SYS_get_robust_list, SYS_rseq,
    SYS_set_tid_address, SYS_sched_yield, SYS_sched_getaffinity, SYS_gettid, SYS_getpid, SYS_getppid,
    SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_uname, SYS_sysinfo, SYS_getrusage,
    SYS_getrandom, SYS_capget, SYS_capset, SYS_restart_syscall,
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack,
    SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday,
    SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_ppoll, SYS_eventfd2,
    SYS_pipe2,
    // Sockets that are bound, and those of `limited`.
    SYS_bind, SYS_connect, SYS_accept, SYS_accept4, SYS_shutdown, SYS_sendto, SYS_sendmsg,
    SYS_recvfrom, SYS_recvmsg, SYS_getsockname, SYS_getpeername, SYS_getsockopt, SYS_setsockopt,
    // They only take away.
    SYS_landlock_create_ruleset, SYS_landlock_add_rule, SYS_landlock_restrict_self,
];

/// The same under names that later architectures do without.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const OLD: &[i64] = &[
    SYS_stat, SYS_lstat, SYS_readlink, SYS_access, SYS_dup2, SYS_unlink, SYS_poll, SYS_epoll_wait,
    SYS_time, SYS_pipe, SYS_getdents,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[i64] = &[];

/// Of bpf(2), `enum bpf_cmd` of include/uapi/linux/bpf.h: elements of maps that are held (1 to 4,
/// batches 24 and 26), runs of programs that are (10), and iterators over sockets (28 and 33). No program
/// or map can be made, none of others opened, nothing pinned.
const BPF: &[u64] = &[1, 2, 3, 4, 10, 24, 26, 28, 33];
/// Names of threads and of memory, and what Landlock asks for before it confines.
const PRCTL: &[u64] = &[
    PR_SET_NAME as u64,
    PR_GET_NAME as u64,
    PR_SET_VMA as u64,
    PR_SET_NO_NEW_PRIVS as u64,
    PR_CAPBSET_DROP as u64,
    PR_CAP_AMBIENT as u64,
];
/// Which kind a namespace is, and what the standard library asks of a descriptor. Their type is a libc's.
const IOCTL: &[u64] = &[NS_GET_NSTYPE as _, FIONBIO as _, TCGETS as _];
/// The journal, the service manager and clients of this host; lists of sockets.
const FAMILIES: &[u64] = &[AF_UNIX as u64, AF_NETLINK as u64];

/// Every call that is allowed, and the arguments with which it is.
///
/// # Errors
/// When a condition names an argument that does not exist.
pub(super) fn allowed() -> Result<Rules> {
    let any = ANY.iter().chain(OLD).chain(&ABSENT);
    let mut rules: Rules = any.map(|call| (*call, Vec::new())).collect();
    rules.extend(limited()?);
    Ok(rules)
}

fn limited() -> Result<Vec<(i64, Vec<SeccompRule>)>> {
    let to_write = (O_ACCMODE | O_CREAT | O_TRUNC) as u64;
    let executable = PROT_EXEC as u64;
    let thread = CLONE_THREAD as u64;
    let namespaces = (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC) as u64
        | (CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET) as u64;
    let own = u64::from(std::process::id());
    Ok(vec![
        (SYS_bpf, one_of(0, BPF)?),
        (SYS_prctl, one_of(0, PRCTL)?),
        (SYS_ioctl, one_of(1, IOCTL)?),
        (SYS_socket, one_of(0, FAMILIES)?),
        // Into network namespaces, and no others.
        (SYS_setns, one_of(1, &[CLONE_NEWNET as u64])?),
        (SYS_openat, bits(2, to_write, 0)?),
        #[cfg(target_arch = "x86_64")]
        (SYS_open, bits(1, to_write, 0)?),
        (SYS_mmap, bits(2, executable, 0)?),
        (SYS_mprotect, bits(2, executable, 0)?),
        // Threads, and no processes.
        (
            SYS_clone,
            vec![rule(0, Qword, MaskedEq(thread | namespaces), thread)?],
        ),
        // Itself, as abort(3) does, and no others.
        (SYS_tgkill, one_of(0, &[own])?),
        (SYS_prlimit64, one_of(0, &[0, own])?),
    ])
}

fn one_of(argument: u8, values: &[u64]) -> Result<Vec<SeccompRule>> {
    let rules = values.iter().map(|value| rule(argument, Dword, Eq, *value));
    rules.collect()
}

fn bits(argument: u8, mask: u64, value: u64) -> Result<Vec<SeccompRule>> {
    Ok(vec![rule(argument, Dword, MaskedEq(mask), value)?])
}

fn rule(
    argument: u8,
    length: seccompiler::SeccompCmpArgLen,
    how: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule> {
    let condition = SeccompCondition::new(argument, length, how, value);
    condition
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .context("cannot make a filter of system calls")
}
