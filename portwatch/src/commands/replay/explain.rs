use std::{
    collections::HashMap,
    io::{self, Read, Write},
};

use anyhow::{Context, Result};
use jiff::tz::TimeZone;

use super::ending;
use crate::{
    cli::{ReplayArgs, Whom},
    commands::printer::color,
    exit::Exit,
    model::{Filter, Item, Report, Tuple},
    output::{explain, json},
    recording::Reader,
};

/// Prints the last report of a tuple.
pub(super) fn run(
    args: &ReplayArgs,
    mut reader: Reader<impl Read>,
    filter: &Filter,
) -> Result<Exit> {
    let mut last = None;
    let items = reader.by_ref().inspect(|item| last = Some(item.time()));
    let reports = reports(items);
    let exit = ending::tell(reader.end(), last, &TimeZone::system());
    let wanted = reports
        .values()
        .filter(|report| filter.tuple(&report.tuple) && is_of(&report.tuple, args.whom));
    let Some(report) = worst(wanted) else {
        eprintln!("portwatch: {}", nothing(reports.is_empty()));
        return Ok(Exit::Failure);
    };
    let mut written = Vec::new();
    write(&mut written, report, args)?;
    let mut out = io::stdout().lock();
    let result = out.write_all(&written).and_then(|()| out.flush());
    result.context("cannot write to stdout")?;
    Ok(exit)
}

/// The last report of each tuple.
fn reports(items: impl Iterator<Item = Item>) -> HashMap<Tuple, Report> {
    let mut reports = HashMap::new();
    for item in items {
        if let Item::Report(report) = item {
            reports.insert(report.tuple.clone(), *report);
        }
    }
    reports
}

/// Whether it is the one that was asked for, or one of those.
fn is_of(tuple: &Tuple, whom: Option<Whom>) -> bool {
    let local = match whom {
        Some(Whom::Tuple(ask)) => ask.local,
        _ => None,
    };
    let peer = whom.map(|whom| whom.peer());
    peer.is_none_or(|(ip, port)| {
        tuple.peer_ip == ip
            && port.is_none_or(|port| port == tuple.peer_port)
            && (local.is_none() || tuple.local_ip == local)
    })
}

/// Of the tuple that fails most, else of the fullest.
fn worst<'a>(reports: impl Iterator<Item = &'a Report>) -> Option<&'a Report> {
    let left = |report: &Report| {
        let capacity = f64::from(report.room.capacity.max(1));
        f64::from(report.room.headroom.most) / capacity
    };
    reports.max_by(|a, b| {
        let by_failures = a.failures.exhausted().cmp(&b.failures.exhausted());
        let by_room = || left(b).total_cmp(&left(a));
        by_failures
            .then_with(by_room)
            .then_with(|| b.tuple.cmp(&a.tuple))
    })
}

fn write(out: &mut Vec<u8>, report: &Report, args: &ReplayArgs) -> io::Result<()> {
    let zone = TimeZone::system();
    if args.json {
        json::write_explained(out, report)
    } else if args.markdown {
        explain::write_markdown(out, report, &zone)
    } else {
        explain::write_text(out, report, &zone, color(args.color))
    }
}

fn nothing(none_at_all: bool) -> &'static str {
    if none_at_all {
        "nobody looked closely at a tuple in this recording, so it does not tell why ports ran out; \
         without `explain` it tells what happened, and `portwatch explain` on the host, while it \
         happens, tells why"
    } else {
        "no such tuple was looked at closely in this recording; without a peer and filters the worst \
         one is shown that was"
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Item, Report, Whom, is_of, reports, worst};
    use crate::model::testing::{report, tuple};

    fn of(port: u16, second: i64, failed: u64) -> Report {
        let mut report = report();
        report.time = Timestamp::from_second(second).unwrap();
        report.tuple = tuple("10.0.0.1", "10.0.0.2", port);
        report.failures.connect = Some(failed);
        report
    }

    #[test]
    fn the_last_one_of_each_tuple_counts() {
        let items = [of(443, 1, 9), of(80, 2, 3), of(443, 3, 1), of(8080, 4, 0)];
        let items = items.map(|report| Item::Report(Box::new(report)));
        let last = reports(items.into_iter());
        assert_eq!(last.len(), 3);
        assert_eq!(worst(last.values()), Some(&of(80, 2, 3)));
    }

    #[test]
    fn where_nothing_failed_the_one_with_the_least_room_counts() {
        let (mut free, mut full) = (of(80, 1, 0), of(443, 1, 0));
        (free.room.headroom.most, full.room.headroom.most) = (2, 1);
        assert_eq!(worst([&free, &full].into_iter()), Some(&full));
        assert_eq!(worst([&full, &free].into_iter()), Some(&full));
        assert_eq!(worst([].into_iter()), None);
    }

    #[test]
    fn as_much_of_the_tuple_is_compared_as_was_told() {
        let tuple = tuple("10.0.0.1", "10.0.0.2", 443);
        let is_of = |whom: &str| is_of(&tuple, Some(whom.parse::<Whom>().unwrap()));
        assert!(is_of("10.0.0.2") && is_of("10.0.0.2:443"));
        assert!(is_of("10.0.0.1 -> 10.0.0.2:443"));
        assert!(!is_of("10.0.0.2:80") && !is_of("10.0.0.3"));
        assert!(!is_of("10.0.0.9 -> 10.0.0.2:443"));
    }
}
