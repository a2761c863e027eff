use crate::{
    model::{Blocker, Hold, Owner, PortSet},
    output::escape,
};

/// Groups that are shown; further ones are summed up.
const SHOWN: usize = 8;
/// Runs of ports of a group that are shown.
const RUNS: usize = 3;

/// `12 ports: nginx[812] 1 listener (30007); curl[900] 11 bound before connect (30010-30020)`
pub(in crate::output) fn blocked(ports: u32, blockers: Result<&[Blocker], &str>) -> String {
    let unit = if ports == 1 { "port" } else { "ports" };
    match blockers {
        _ if ports == 0 => "0".to_owned(),
        Err(reason) => format!(
            "{ports} {unit}; who holds them can't be read: {}",
            escape(reason)
        ),
        Ok(blockers) => format!("{ports} {unit}: {}", groups(blockers)),
    }
}

fn groups(blockers: &[Blocker]) -> String {
    let (shown, further) = blockers.split_at(blockers.len().min(SHOWN));
    let mut groups: Vec<String> = shown.iter().map(group).collect();
    if !further.is_empty() {
        let ports = further.iter().flat_map(|group| group.ports.iter().copied());
        let ports = ports.collect::<PortSet>().len();
        groups.push(format!("{} further owners of {ports}", further.len()));
    }
    groups.join("; ")
}

fn group(blocker: &Blocker) -> String {
    let count = blocker.ports.len();
    let kind = match (blocker.hold, count) {
        (Hold::Listener, 1) => "listener",
        (Hold::Listener, _) => "listeners",
        (Hold::Idle, _) => "bound and idle",
        (Hold::BindBeforeConnect, _) => "bound before connect",
        (Hold::Accepted, _) => "accepted, listener closed",
        (Hold::TimeWait, _) => "in TIME_WAIT after a bind",
        (Hold::Unknown, _) => "without a socket that can be listed",
    };
    let ports = examples(&blocker.ports);
    match (&blocker.owner, blocker.hold) {
        (Owner::Process { pid, comm }, _) => {
            format!("{}[{pid}] {count} {kind} ({ports})", escape(comm))
        }
        (Owner::Nobody, Hold::TimeWait) | (Owner::Unknown, Hold::Unknown) => {
            format!("{count} {kind} ({ports})")
        }
        (Owner::Nobody, _) => format!("{count} {kind} ({ports}), no process left"),
        (Owner::Unknown, _) => format!("{count} {kind} ({ports}), owner unknown"),
    }
}

/// The first runs of ports: `30000-30012,30015`.
fn examples(ports: &[u16]) -> String {
    let set: PortSet = ports.iter().copied().collect();
    let runs = set.ranges();
    let shown = runs.iter().take(RUNS).flat_map(|run| run.low..=run.high);
    let more = if runs.len() > RUNS { ",..." } else { "" };
    format!("{}{more}", shown.collect::<PortSet>())
}

#[cfg(test)]
mod tests {
    use super::{Blocker, Hold, Owner, blocked};

    fn blocker(owner: Owner, hold: Hold, ports: &[u16]) -> Blocker {
        let ports = ports.to_vec();
        Blocker { owner, hold, ports }
    }

    fn process(pid: u32, comm: &str) -> Owner {
        let comm = comm.to_owned();
        Owner::Process { pid, comm }
    }

    #[test]
    fn names_owners_and_kinds() {
        let blockers = [
            blocker(process(900, "curl"), Hold::BindBeforeConnect, &[10, 11, 13]),
            blocker(process(812, "ng\ninx"), Hold::Listener, &[7]),
            blocker(Owner::Nobody, Hold::TimeWait, &[1, 3, 5, 7]),
            blocker(Owner::Nobody, Hold::Accepted, &[8]),
            blocker(Owner::Unknown, Hold::Idle, &[9]),
            blocker(Owner::Unknown, Hold::Unknown, &[20]),
        ];
        assert_eq!(
            blocked(11, Ok(&blockers)),
            "11 ports: curl[900] 3 bound before connect (10-11,13); \
             ng\\ninx[812] 1 listener (7); \
             4 in TIME_WAIT after a bind (1,3,5,...); \
             1 accepted, listener closed (8), no process left; \
             1 bound and idle (9), owner unknown; \
             1 without a socket that can be listed (20)"
        );
    }

    #[test]
    fn sums_up_what_would_be_too_long() {
        let blockers: Vec<Blocker> = (1..=10)
            .map(|pid| blocker(process(pid, "x"), Hold::Listener, &[pid as u16, 100]))
            .collect();
        let text = blocked(11, Ok(&blockers));
        assert!(
            text.ends_with("x[8] 2 listeners (8,100); 2 further owners of 3"),
            "{text}"
        );
    }

    #[test]
    fn nothing_blocked_and_nothing_readable() {
        assert_eq!(blocked(0, Ok(&[])), "0");
        assert_eq!(blocked(0, Err("x")), "0");
        let text = blocked(1, Err("no\tway"));
        assert_eq!(text, "1 port; who holds them can't be read: no\\tway");
    }
}
