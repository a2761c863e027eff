use crate::{
    kernel::host::{Capability, Host},
    model::{Check, Status},
};

/// Without these no tracer.
const NEEDED: [Capability; 3] = [Capability::Bpf, Capability::Perfmon, Capability::SysAdmin];

/// What was found out about the machine.
pub(super) struct Facts {
    pub host: Host,
    /// Whether the kernel's type information holds what the kernel side reads.
    pub structures: Result<(), String>,
    /// Whether the address of the TIME_WAIT timers' function is to be had.
    pub symbols: Result<(), String>,
    /// Network namespaces found, and processes whose namespace is hidden.
    pub namespaces: Result<(usize, usize), String>,
}

/// Judges the facts.
pub(super) fn judge(facts: &Facts) -> Vec<Check> {
    let mut checks = vec![
        kernel(&facts.host),
        structures(facts),
        privileges(&facts.host),
        lockdown(&facts.host),
        symbols(facts),
        namespaces(facts),
        statistics(&facts.host),
        confinement(&facts.host),
    ];
    checks.extend(locked_memory(&facts.host));
    checks
}

fn kernel(host: &Host) -> Check {
    let finding = format!("Linux {}", host.release);
    match host.version() {
        Some(version) if version >= (5, 10) => Check::ok("kernel", finding),
        _ => Check::not_ok(
            "kernel",
            Status::Warn,
            finding,
            "5.10 is the oldest kernel that portwatch is made for; it may not work here",
        ),
    }
}

fn structures(facts: &Facts) -> Check {
    match &facts.structures {
        Ok(()) => Check::ok("BTF", "the kernel describes the structures that are read"),
        Err(error) => Check::not_ok(
            "BTF",
            Status::Fail,
            error,
            "a kernel built with CONFIG_DEBUG_INFO_BTF=y is needed (/sys/kernel/btf/vmlinux)",
        ),
    }
}

fn privileges(host: &Host) -> Check {
    let names = |missing: Vec<Capability>| {
        let names: Vec<_> = missing.into_iter().map(Capability::name).collect();
        names.join(", ")
    };
    let missing = host.capabilities.missing(&NEEDED);
    if !missing.is_empty() {
        return Check::not_ok(
            "privileges",
            Status::Denied,
            format!("missing: {}", names(missing)),
            "run as root, or grant CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN and CAP_SYS_PTRACE",
        );
    }
    let missing = host.capabilities.missing(&[Capability::SysPtrace]);
    if !missing.is_empty() {
        return Check::not_ok(
            "privileges",
            Status::Warn,
            format!("missing: {}", names(missing)),
            "connections from before the start are counted only in namespaces that have a name \
             or a process of this user; run as root to count all",
        );
    }
    Check::ok("privileges", "all that is needed")
}

fn lockdown(host: &Host) -> Check {
    match host.lockdown.as_deref() {
        Some("confidentiality") => Check::not_ok(
            "lockdown",
            Status::Warn,
            "confidentiality",
            "programs may not read kernel memory in this mode; boot with lockdown=integrity if \
             the hook sets below don't work",
        ),
        Some(mode) => Check::ok("lockdown", mode),
        None => Check::ok("lockdown", "none (or securityfs is not mounted)"),
    }
}

fn symbols(facts: &Facts) -> Check {
    match &facts.symbols {
        Ok(()) => Check::ok("kernel symbols", "TIME_WAIT can be followed by its timers"),
        Err(error) => Check::not_ok(
            "kernel symbols",
            Status::Warn,
            error,
            "TIME_WAIT will be counted by sweeps, up to a sweep's interval late; for exact counts \
             have kernel.kptr_restrict at 0 or 1, and CAP_SYSLOG",
        ),
    }
}

fn namespaces(facts: &Facts) -> Check {
    let name = "namespaces";
    match &facts.namespaces {
        Ok((found, 0)) => Check::ok(name, format!("{found} network namespaces found")),
        // Some processes of the kernel's or under a security module show theirs to nobody.
        Ok((found, hidden)) if facts.host.capabilities.has(Capability::SysPtrace) => Check::ok(
            name,
            format!("{found} network namespaces found; processes that hide theirs: {hidden}"),
        ),
        Ok((found, hidden)) => Check::not_ok(
            name,
            Status::Warn,
            format!("{found} network namespaces found; processes that hide theirs: {hidden}"),
            "run as root, or grant CAP_SYS_PTRACE, to see all",
        ),
        Err(error) => Check::not_ok(
            name,
            Status::Warn,
            format!("cannot look for network namespaces: {error}"),
            "portwatch reads /proc/PID/ns/net: mount /proc, without hidepid",
        ),
    }
}

fn statistics(host: &Host) -> Check {
    let name = "BPF statistics";
    if host.bpf_stats_enabled == Some(1) {
        return Check::not_ok(
            name,
            Status::Warn,
            "on",
            "every program run is timed, which costs; turn it off: sysctl kernel.bpf_stats_enabled=0",
        );
    }
    Check::ok(name, "off")
}

/// What the daemon confines itself with.
fn confinement(host: &Host) -> Check {
    let name = "confinement";
    let warn = |finding, advice| Check::not_ok(name, Status::Warn, finding, advice);
    match (host.landlock, host.seccomp) {
        (true, true) => Check::ok(name, "the daemon can confine its files and system calls"),
        (false, _) => warn(
            "no Landlock",
            "the daemon leaves its files unconfined; kernels have it since 5.13, where lsm= names it",
        ),
        (true, false) => warn(
            "no seccomp",
            "the daemon leaves its system calls unconfined; it takes CONFIG_SECCOMP_FILTER",
        ),
    }
}

/// Maps may count as locked memory.
fn locked_memory(host: &Host) -> Option<Check> {
    host.locked_memory().map(|limit| {
        Check::not_ok(
            "locked memory",
            Status::Warn,
            format!("limited to {} KiB", limit / 1024),
            "maps count as locked memory on this kernel; `ulimit -l unlimited` lifts the limit",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{Facts, Status, judge};
    use crate::kernel::host::{Capabilities, Host};

    fn facts() -> Facts {
        Facts {
            host: Host {
                release: "6.18.44".to_owned(),
                lockdown: Some("none".to_owned()),
                capabilities: Capabilities::default(),
                unprivileged_bpf_disabled: Some(2),
                perf_event_paranoid: Some(2),
                kptr_restrict: Some(0),
                bpf_stats_enabled: Some(0),
                memlock: Some(8 << 20),
                landlock: true,
                seccomp: true,
            },
            structures: Ok(()),
            symbols: Ok(()),
            namespaces: Ok((3, 0)),
        }
    }

    fn status(facts: &Facts, name: &str) -> Option<Status> {
        let checks = judge(facts);
        let check = checks.iter().find(|check| check.name == name)?;
        assert_eq!(check.advice.is_none(), check.status == Status::Ok);
        Some(check.status)
    }

    #[test]
    fn missing_privileges_are_named() {
        let checks = judge(&facts());
        let findings: Vec<_> = checks
            .iter()
            .filter(|check| check.status != Status::Ok)
            .map(|check| (check.status, check.finding.as_str()))
            .collect();
        let missing = "missing: CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN";
        assert_eq!(findings, [(Status::Denied, missing)]);
    }

    #[test]
    fn a_kernel_without_type_information_fails() {
        let mut facts = facts();
        facts.structures = Err("no /sys/kernel/btf/vmlinux".to_owned());
        assert_eq!(status(&facts, "BTF"), Some(Status::Fail));
    }

    #[test]
    fn limits_are_warnings() {
        let mut facts = facts();
        facts.symbols = Err("hidden".to_owned());
        facts.namespaces = Ok((3, 7));
        facts.host.lockdown = Some("confidentiality".to_owned());
        facts.host.bpf_stats_enabled = Some(1);
        facts.host.seccomp = false;
        facts.host.release = "5.4.0-200-generic".to_owned();
        for name in [
            "kernel symbols",
            "namespaces",
            "lockdown",
            "BPF statistics",
            "confinement",
            "kernel",
            "locked memory",
        ] {
            assert_eq!(status(&facts, name), Some(Status::Warn), "{name}");
        }
        facts.host.landlock = false;
        assert_eq!(status(&facts, "confinement"), Some(Status::Warn));
    }

    #[test]
    fn locked_memory_matters_to_old_kernels_only() {
        assert_eq!(status(&facts(), "locked memory"), None);
    }
}
