//! What this program was built from, as the build script found it.

/// For `--version`: version, commit, target, kernel side.
pub const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit:      ",
    env!("PORTWATCH_COMMIT"),
    "\ntarget:      ",
    env!("PORTWATCH_TARGET"),
    "\nhook sets:   fentry, kprobe, tracepoint",
    "\nBPF object:  from sources ",
    env!("PORTWATCH_BPF_SOURCES"),
);
