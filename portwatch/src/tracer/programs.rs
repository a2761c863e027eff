//! What the kernel counts about our own programs.

use std::{
    collections::BTreeMap,
    fs,
    os::fd::{AsFd, AsRawFd},
};

/// Counters of one program, from `bpf_prog_show_fdinfo` (kernel/bpf/syscall.c).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgramCounters {
    /// Runs that were skipped because a program was already active on the CPU (since 5.12).
    pub recursion_misses: u64,
    /// Runs, as far as the kernel was asked to count them (`BPF_ENABLE_STATS`).
    pub runs: u64,
    /// Instructions that the verifier walked at load.
    pub verified_insns: u64,
}

/// By program name.
pub type Programs = BTreeMap<String, ProgramCounters>;

/// Reads the counters of a loaded program; zeros where the kernel does not tell them.
pub(super) fn counters(program: impl AsFd) -> ProgramCounters {
    let path = format!("/proc/self/fdinfo/{}", program.as_fd().as_raw_fd());
    parse(&fs::read_to_string(path).unwrap_or_default())
}

fn parse(text: &str) -> ProgramCounters {
    let field = |name: &str| {
        text.lines()
            .find_map(|line| {
                line.strip_prefix(name)?
                    .strip_prefix(':')?
                    .trim()
                    .parse()
                    .ok()
            })
            .unwrap_or(0)
    };
    ProgramCounters {
        recursion_misses: field("recursion_misses"),
        runs: field("run_cnt"),
        verified_insns: field("verified_insns"),
    }
}

#[cfg(test)]
mod tests {
    use super::{ProgramCounters, parse};

    #[test]
    fn reads_what_is_there() {
        let text =
            "pos:\t0\nprog_id:\t7\nrun_cnt:\t12\nrecursion_misses:\t3\nverified_insns:\t451\n";
        assert_eq!(
            parse(text),
            ProgramCounters {
                recursion_misses: 3,
                runs: 12,
                verified_insns: 451
            }
        );
        assert_eq!(parse("prog_id:\t7\n"), ProgramCounters::default());
    }
}
