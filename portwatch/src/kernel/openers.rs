//! The processes that opened connections, as far as they are still there.

use std::{collections::HashMap, time::Duration};

use rustix::time::{ClockId, clock_gettime};

use super::proc;
use crate::model::{OpenerProcess, Place};

/// Ages of connections are late by up to this: of processes that are no older, one may have opened
/// them.
const SLACK: Duration = Duration::from_secs(10);

/// Processes that were looked up, each once.
#[derive(Default)]
pub struct Processes(HashMap<u32, Option<Found>>);

struct Found {
    comm: String,
    place: Place,
    /// How long it has been there.
    age: Option<Duration>,
}

impl Processes {
    /// Who a process is: by `/proc`, unless its id has gone to another one since; else by the name,
    /// `comm`, that it had when it last connected. `oldest`: the age of its oldest connection.
    pub fn name(
        &mut self,
        pid: u32,
        comm: impl FnOnce() -> Option<String>,
        oldest: Option<Duration>,
    ) -> OpenerProcess {
        let found = self.0.entry(pid).or_insert_with(|| Found::look(pid));
        let opened = |found: &&mut Found| {
            let ages = found.age.zip(oldest);
            ages.is_none_or(|(age, oldest)| age + SLACK >= oldest)
        };
        match found.as_mut().filter(opened) {
            Some(found) => OpenerProcess {
                pid,
                comm: found.comm.clone(),
                ended: false,
                place: found.place.clone(),
            },
            None => OpenerProcess {
                pid,
                comm: comm().unwrap_or_else(|| "?".to_owned()),
                ended: true,
                place: Place::default(),
            },
        }
    }
}

impl Found {
    /// None when it is gone or hidden.
    fn look(pid: u32) -> Option<Self> {
        let process = proc::process(pid)?;
        let cgroup = process.cgroup.as_deref();
        Some(Self {
            comm: process.comm,
            place: cgroup.map(Place::of_cgroup).unwrap_or_default(),
            age: age(pid),
        })
    }
}

/// How long a process has been there; none when it is gone or hidden.
fn age(pid: u32) -> Option<Duration> {
    let dir = proc::open_dir(pid).ok()?;
    let ticks = proc::start_ticks(&proc::read(&dir, "stat").ok()?)?;
    let rate = rustix::param::clock_ticks_per_second();
    let now = clock_gettime(ClockId::Boottime);
    let since = Duration::from_millis(ticks.checked_mul(1000)?.checked_div(rate)?);
    Some(Duration::try_from(now).ok()?.saturating_sub(since))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{OpenerProcess, Processes, age};

    fn process(pid: u32, comm: &str, oldest: Option<Duration>) -> OpenerProcess {
        Processes::default().name(pid, || Some(comm.to_owned()), oldest)
    }

    #[test]
    fn a_process_is_itself_only_for_connections_of_its_time() {
        let pid = std::process::id();
        assert!(age(pid).unwrap() < Duration::from_secs(3600));
        let own = process(pid, "before", Some(Duration::from_secs(1)));
        assert!(!own.ended && own.comm != "before");
        let week = Duration::from_secs(7 * 86_400);
        let other = process(pid, "before", Some(week));
        assert_eq!((other.ended, other.comm.as_str()), (true, "before"));
    }

    #[test]
    fn one_that_has_ended_keeps_its_name() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        let ended = process(pid, "true", None);
        assert_eq!((ended.ended, ended.comm.as_str()), (true, "true"));
    }
}
