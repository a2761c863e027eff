//! From records and counters to events, for binds that found no free port.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use portwatch_common::{BindFailures, Failures, Record};

use super::{directory, keeper::Shared, process::process};
use crate::model::{
    BindCause, BindFailure, BindSample, EventKind, Namespace, NetnsId, PortRange, Storm,
};

/// Looks that the counters of a namespace outlive it by: the last failures of a storm are told at
/// the second.
const LOOKS: u32 = 3;
/// And the time, within which one that is new becomes known.
const GONE: Duration = Duration::from_secs(3);

/// Keeps the accounts.
pub(super) struct BindTally {
    storm: Storm<(u64, BindCause)>,
    /// What was known last of the namespaces with such failures, by cookie.
    known: HashMap<u64, Known>,
}

struct Known {
    netns: NetnsId,
    range: Option<PortRange>,
    /// Looks in a row that did not find the namespace, and when the first of them was.
    missing: Option<(u32, Instant)>,
}

impl BindTally {
    /// Nothing told yet.
    pub fn new() -> Self {
        Self {
            storm: Storm::new(),
            known: HashMap::new(),
        }
    }

    /// What a record of the kernel side means; none when it has been told.
    pub fn record(
        &mut self,
        cause: BindCause,
        record: &Record,
        shared: &Shared,
    ) -> Option<EventKind> {
        let cookie = record.key.netns;
        let suppressed = self.storm.event((cookie, cause), record.total)?;
        let known = self.know(cookie, record.netns_inum, shared);
        Some(EventKind::BindFailure(BindFailure {
            cause,
            netns: known.netns.clone(),
            range: known.range,
            local_ip: Some(directory::address(record.key.local_bytes())),
            bound_dev: record.key.bound_dev,
            process: process(record),
            suppressed,
        }))
    }

    /// A look at the counters: failures that no event stood for, and every total. `at_once`: no
    /// event is to come any more.
    pub fn look(&mut self, shared: &Shared, at_once: bool) -> (Vec<EventKind>, Vec<BindSample>) {
        let counts = shared.binds.read();
        let mut samples = Vec::new();
        for (cookie, failures) in &counts {
            let known = self.know(*cookie, failures.inum, shared);
            samples.push(sample(known.netns.clone(), failures));
        }
        let totals = counts.iter().flat_map(|(cookie, failures)| {
            BindCause::ALL.map(|cause| ((*cookie, cause), of(failures, cause).total))
        });
        let owed = if at_once {
            self.storm.settle(totals)
        } else {
            self.storm.residue(totals)
        };
        let kinds = owed
            .into_iter()
            .filter_map(|((cookie, cause), suppressed)| {
                let known = self.known.get(&cookie)?;
                Some(EventKind::BindFailure(BindFailure {
                    cause,
                    netns: known.netns.clone(),
                    range: known.range,
                    local_ip: None,
                    bound_dev: 0,
                    process: None,
                    suppressed,
                }))
            })
            .collect();
        self.forget_gone(shared);
        (kinds, samples)
    }

    /// Looks a namespace up, and remembers it for when it is gone.
    fn know(&mut self, cookie: u64, inum: u32, shared: &Shared) -> &Known {
        let known = self.known.entry(cookie).or_insert_with(|| Known {
            netns: NetnsId {
                name: None,
                inum,
                cookie,
            },
            range: None,
            missing: None,
        });
        if let Some(Namespace { id, range, .. }) = shared.directory.namespace(cookie) {
            (known.netns, known.range) = (id, Some(range));
        }
        known
    }

    /// Makes room where a namespace is gone, once everything has been told.
    fn forget_gone(&mut self, shared: &Shared) {
        let Self { storm, known } = self;
        let now = Instant::now();
        known.retain(|cookie, known| {
            if shared.directory.namespace(*cookie).is_some() {
                known.missing = None;
                return true;
            }
            let (looks, since) = known.missing.unwrap_or((0, now));
            known.missing = Some((looks.saturating_add(1), since));
            let gone = looks >= LOOKS && now.duration_since(since) >= GONE;
            if gone {
                shared.binds.forget(*cookie);
            }
            !gone
        });
        storm.retain(|(cookie, _)| known.contains_key(cookie));
    }
}

const fn of(failures: &BindFailures, cause: BindCause) -> &Failures {
    match cause {
        BindCause::TcpBind => &failures.tcp_bind,
        BindCause::UdpBind => &failures.udp_bind,
        BindCause::UdpAutobind => &failures.udp_autobind,
    }
}

const fn sample(netns: NetnsId, failures: &BindFailures) -> BindSample {
    BindSample {
        netns,
        tcp_bind: failures.tcp_bind.total,
        udp_bind: failures.udp_bind.total,
        udp_autobind: failures.udp_autobind.total,
    }
}
