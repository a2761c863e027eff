use std::fs;

/// A capability that portwatch has a use for; its number in include/uapi/linux/capability.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Capability {
    /// `CAP_DAC_READ_SEARCH`: read what belongs to others.
    DacReadSearch = 2,
    /// `CAP_NET_ADMIN`.
    NetAdmin = 12,
    /// `CAP_SYS_PTRACE`: see other processes' namespaces and descriptors.
    SysPtrace = 19,
    /// `CAP_SYS_ADMIN`: enter namespaces; before 5.8 all of BPF.
    SysAdmin = 21,
    /// `CAP_SYS_RESOURCE`: raise limits.
    SysResource = 24,
    /// `CAP_SYSLOG`: see kernel addresses.
    Syslog = 34,
    /// `CAP_PERFMON`: tracing programs.
    Perfmon = 38,
    /// `CAP_BPF`: maps and programs.
    Bpf = 39,
}

impl Capability {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::Bpf,
        Self::Perfmon,
        Self::SysAdmin,
        Self::SysPtrace,
        Self::NetAdmin,
        Self::DacReadSearch,
        Self::SysResource,
        Self::Syslog,
    ];

    /// The kernel's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DacReadSearch => "CAP_DAC_READ_SEARCH",
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::SysPtrace => "CAP_SYS_PTRACE",
            Self::SysAdmin => "CAP_SYS_ADMIN",
            Self::SysResource => "CAP_SYS_RESOURCE",
            Self::Syslog => "CAP_SYSLOG",
            Self::Perfmon => "CAP_PERFMON",
            Self::Bpf => "CAP_BPF",
        }
    }
}

/// A set of capabilities, a bit each by the kernel's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(u64);

impl Capabilities {
    /// The effective ones of the calling thread; empty where `/proc` doesn't tell.
    #[must_use]
    pub fn effective() -> Self {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        Self(effective_mask(&status).unwrap_or(0))
    }

    /// Whether the set holds it. `CAP_SYS_ADMIN` implies `CAP_BPF` and `CAP_PERFMON`, as in the
    /// kernel (`bpf_capable`, `perfmon_capable`).
    #[must_use]
    pub const fn has(self, capability: Capability) -> bool {
        let held = self.0 >> capability as u8 & 1 != 0;
        match capability {
            Capability::Bpf | Capability::Perfmon => held || self.has(Capability::SysAdmin),
            _ => held,
        }
    }

    /// Those of `needed` that the set doesn't hold.
    #[must_use]
    pub fn missing(self, needed: &[Capability]) -> Vec<Capability> {
        let lacks = |capability: &Capability| !self.has(*capability);
        needed.iter().copied().filter(lacks).collect()
    }
}

fn effective_mask(status: &str) -> Option<u64> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::{Capabilities, Capability, effective_mask};

    #[test]
    fn sys_admin_implies_bpf_and_perfmon() {
        let mask = effective_mask("Name:\tx\nCapEff:\t0000000000200000\n").unwrap();
        let capabilities = Capabilities(mask);
        let missing = capabilities.missing(&Capability::ALL);
        assert!(!missing.contains(&Capability::Bpf) && !missing.contains(&Capability::Perfmon));
        assert_eq!(missing.len(), 5);
        assert_eq!(Capabilities::default().missing(&Capability::ALL).len(), 8);
    }

    #[test]
    fn capabilities_have_the_kernels_numbers() {
        let own = |capability| Capabilities(1 << capability as u8).has(capability);
        assert!(Capability::ALL.into_iter().all(own));
        assert!(Capabilities(1 << 39).has(Capability::Bpf));
        assert!(Capabilities(1 << 38).has(Capability::Perfmon));
        assert!(!Capabilities(1 << 39).has(Capability::Perfmon));
        assert_eq!(effective_mask("CapEff:\tnonsense\n"), None);
    }
}
