use jiff::{Timestamp, tz::TimeZone};

use crate::{exit::Exit, recording::End};

/// Tells on stderr where a recording ends before its session did, and what that means for the exit
/// code. A cut is none of the reader's faults: what there is was replayed.
pub(super) fn tell(end: Option<&End>, last: Option<Timestamp>, zone: &TimeZone) -> Exit {
    let Some(end) = end else {
        return Exit::Ok;
    };
    if let Some(note) = note(end, last, zone) {
        eprintln!("portwatch: {note}");
    }
    match end {
        End::Complete | End::Cut { .. } => Exit::Ok,
        End::Damaged { .. } | End::Unreadable { .. } => Exit::Failure,
    }
}

fn note(end: &End, last: Option<Timestamp>, zone: &TimeZone) -> Option<String> {
    let after = match last {
        Some(time) => {
            let zoned = time.to_zoned(zone.clone());
            format!("after {}", zoned.strftime("%H:%M:%S"))
        }
        None => "before anything happened".to_owned(),
    };
    match end {
        End::Complete => None,
        End::Cut { .. } => Some(format!(
            "the recording ends in the middle, {after}: what follows was lost"
        )),
        End::Damaged { at } => Some(format!(
            "the recording is damaged at byte {at}, {after}: what follows can't be replayed"
        )),
        End::Unreadable { at, reason } => Some(format!(
            "the recording can't be read from byte {at} on, {after}: {reason}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::{End, note};

    #[test]
    fn says_after_what_time_something_is_missing() {
        let last = Some("2026-03-01T14:03:22.9Z".parse().unwrap());
        let note = |end, last| note(&end, last, &TimeZone::UTC);
        assert_eq!(note(End::Complete, last), None);
        assert_eq!(
            note(End::Cut { at: 70 }, last).unwrap(),
            "the recording ends in the middle, after 14:03:22: what follows was lost"
        );
        assert_eq!(
            note(End::Damaged { at: 70 }, None).unwrap(),
            "the recording is damaged at byte 70, before anything happened: what follows can't be \
             replayed"
        );
    }
}
