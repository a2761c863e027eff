//! What the kernel tells of a process and of each of its threads.

use std::{collections::BTreeMap, fs};

use portwatch::kernel::host::Capability;

/// `/proc/PID/status`, by field.
#[derive(Debug)]
pub struct Status(BTreeMap<String, String>);

impl Status {
    pub fn of(pid: u32) -> Self {
        Self::read(&format!("/proc/{pid}/status"))
    }

    /// Of each thread.
    pub fn of_threads(pid: u32) -> Vec<Self> {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("threads");
        threads
            .map(|thread| {
                let path = thread.expect("a thread").path().join("status");
                Self::read(path.to_str().expect("UTF-8"))
            })
            .collect()
    }

    fn read(path: &str) -> Self {
        let text = fs::read_to_string(path).expect("a status");
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.trim().to_owned());
        Self(fields.map(owned).collect())
    }

    pub fn text(&self, field: &str) -> &str {
        let text = self.0.get(field);
        text.unwrap_or_else(|| panic!("no {field} in {self:?}"))
    }

    /// A set of capabilities, such as `CapEff`.
    pub fn capabilities(&self, field: &str) -> u64 {
        u64::from_str_radix(self.text(field), 16).expect("a mask")
    }

    /// Resident memory, KiB.
    pub fn resident(&self) -> u64 {
        let size = self.text("VmRSS").strip_suffix(" kB").expect("kB");
        size.parse().expect("a number")
    }
}

/// A set of capabilities, as the kernel writes it.
pub fn mask(capabilities: &[Capability]) -> u64 {
    let bits = capabilities.iter().map(|it| 1 << *it as u8);
    bits.fold(0, |mask, bit: u64| mask | bit)
}

/// Open descriptors of a process.
pub fn descriptors(pid: u32) -> usize {
    let open = fs::read_dir(format!("/proc/{pid}/fd"));
    open.expect("descriptors").count()
}
