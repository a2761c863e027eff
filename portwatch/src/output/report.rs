use jiff::Timestamp;

use crate::model::{Blocker, Namespace, Ratios, Report, Room, Search, Tuple, Verdict};

/// Everything that `check` found.
#[derive(Debug)]
pub struct CheckReport<'a> {
    /// When, wall clock.
    pub time: Timestamp,
    /// Kernel release.
    pub kernel: &'a str,
    /// Where the counts are from: `bpf` or `netlink`.
    pub source: &'static str,
    /// Hook set in use; none where the source needs no hooks.
    pub hooks: Option<&'static str>,
    /// Thresholds.
    pub ratios: Ratios,
    /// The namespaces looked at.
    pub namespaces: &'a [Namespace],
    /// Inode number of the namespace that portwatch ran in.
    pub own_netns: u32,
    /// What it amounts to.
    pub verdict: Verdict<'a>,
    /// What went wrong on the way, a sentence each, and did not spoil the rest.
    pub warnings: &'a [String],
}

/// What `free` found.
#[derive(Debug)]
pub struct FreeReport<'a> {
    /// When, wall clock.
    pub time: Timestamp,
    /// Kernel release.
    pub kernel: &'a str,
    /// The tuple that was asked for.
    pub tuple: &'a Tuple,
    /// Its namespace.
    pub namespace: &'a Namespace,
    /// The search that was asked for.
    pub search: Search,
    /// What that search can find.
    pub room: &'a Room,
    /// Who holds the blocked ports, most ports first; or why that can't be read.
    pub blockers: Result<&'a [Blocker], &'a str>,
}

impl<'a> From<&'a Report> for FreeReport<'a> {
    fn from(report: &'a Report) -> Self {
        Self {
            time: report.time,
            kernel: &report.kernel,
            tuple: &report.tuple,
            namespace: &report.namespace,
            search: report.search,
            room: &report.room,
            blockers: match &report.blockers {
                Ok(blockers) => Ok(blockers),
                Err(reason) => Err(reason),
            },
        }
    }
}
