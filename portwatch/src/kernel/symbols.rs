//! Addresses of the kernel's symbols, from `/proc/kallsyms`.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
};

/// Where the kernel lists its symbols.
pub const KALLSYMS: &str = "/proc/kallsyms";

/// Why a symbol has no address.
#[derive(Debug, thiserror::Error)]
pub enum SymbolError {
    /// The kernel shows zeros in place of addresses.
    #[error(
        "{KALLSYMS} hides the address of {0}: it takes CAP_SYSLOG, and kernel.kptr_restrict below 2"
    )]
    Hidden(String),
    /// The kernel doesn't list it: compiled in under another name, or not at all.
    #[error("{KALLSYMS} does not list {0}")]
    Absent(String),
    /// The list can't be read.
    #[error("cannot read {KALLSYMS}")]
    Unreadable(#[from] io::Error),
}

/// The address of a symbol of the kernel itself (not of a module).
///
/// # Errors
/// [`SymbolError`]: hidden and absent are told apart.
pub fn address(name: &str) -> Result<u64, SymbolError> {
    find(
        BufReader::with_capacity(1 << 16, File::open(KALLSYMS)?),
        name,
    )
}

/// Reads line by line and stops at the first hit: the list is some 10 MB long.
fn find(mut list: impl BufRead, name: &str) -> Result<u64, SymbolError> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if list.read_until(b'\n', &mut line)? == 0 {
            return Err(SymbolError::Absent(name.to_owned()));
        }
        match parse(&line, name) {
            Some(0) => return Err(SymbolError::Hidden(name.to_owned())),
            Some(address) => return Ok(address),
            None => {}
        }
    }
}

/// The address in a line `ffffffff82006070 t tw_timer_handler`, if it is the symbol's; a module's
/// line carries the module's name behind it.
fn parse(line: &[u8], name: &str) -> Option<u64> {
    let head = line.trim_ascii_end().strip_suffix(name.as_bytes())?;
    let mut words = head.split(|byte| *byte == b' ');
    let address = std::str::from_utf8(words.next()?).ok()?;
    let kind = words.next()?;
    let ends_here = words.next() == Some(b"") && words.next().is_none();
    if kind.len() != 1 || !ends_here {
        return None;
    }
    u64::from_str_radix(address, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::{SymbolError, address, find};

    const LIST: &str = "\
ffffffff82006060 t __pfx_tw_timer_handler
ffffffff82006070 t tw_timer_handler
0000000000000000 T hidden
ffffffffc0000010 t in_module\t[nf_tables]
garbage
 t
ffffffff82006099 t tw_timer_handler
";

    #[test]
    fn finds_the_first_whole_name() {
        let found = find(LIST.as_bytes(), "tw_timer_handler").unwrap();
        assert_eq!(found, 0xffff_ffff_8200_6070);
    }

    #[test]
    fn tells_hidden_from_absent() {
        let hidden = find(LIST.as_bytes(), "hidden");
        assert!(matches!(hidden, Err(SymbolError::Hidden(_))), "{hidden:?}");
        for name in ["timer_handler", "in_module", "garbage", "t", ""] {
            let absent = find(LIST.as_bytes(), name);
            assert!(matches!(absent, Err(SymbolError::Absent(_))), "{absent:?}");
        }
    }

    #[test]
    fn reads_the_running_kernel() {
        match address("tw_timer_handler") {
            Ok(found) => assert!(found > u64::MAX / 2, "{found:x} is no kernel address"),
            Err(SymbolError::Hidden(_)) => assert!(!rustix::process::geteuid().is_root()),
            Err(error) => panic!("{error}"),
        }
    }
}
