//! Its file.

use std::{fs, io::Write};

use tempfile::NamedTempFile;

use super::RANGE;
use crate::support::{
    daemon::Daemon,
    netns::Netns,
    process::{Finished, finish, portwatch, refuses},
};

pub(super) fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("write");
    file
}

fn checked(file: &NamedTempFile, arguments: &[&str]) -> Finished {
    let path = file.path().to_str().expect("UTF-8");
    let fixed = ["daemon", "--config", path];
    finish(&mut portwatch(&[&fixed, arguments].concat()))
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (text, place, words) in [
        (
            "top = 5\nwarnign = 0.5\n",
            ":2:1: warnign: ",
            "no such option",
        ),
        (
            "\n\ninterval = \"soon\"\n",
            ":3:12: interval: ",
            "expected a duration",
        ),
        (
            "warning = \"90%\"\n",
            ":1:11: ",
            "above the critical threshold",
        ),
        ("port = [80, \"x\"]\n", ":1:13: port: ", "invalid digit"),
        ("top = \n", ":1:", "literal"),
    ] {
        let file = file(text);
        let place = format!("{}{place}", file.path().display());
        for arguments in [&["--check-config"][..], &[]] {
            refuses(&checked(&file, arguments), 2, &[&place, words]);
        }
    }
    let absent = ["daemon", "--config", "/nowhere/x.toml", "--check-config"];
    refuses(
        &finish(&mut portwatch(&absent)),
        2,
        &["/nowhere/x.toml: cannot be read"],
    );
}

#[test]
fn a_good_one_is_ok() {
    let file = file("warning = 0.4\nnetns = [\"web1\"]\nlisten = [\"127.0.0.1:1\", \"[::1]:1\"]\n");
    let finished = checked(&file, &["--check-config"]);
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert_eq!(finished.stdout, format!("{}: ok\n", file.path().display()));
}

#[test]
fn options_come_before_it() {
    let netns = Netns::named(RANGE);
    let file = file("warning = \"30%\"\ncritical = \"40%\"\n");
    let path = file.path().to_str().expect("UTF-8");
    let daemon = Daemon::start(&netns, &["--config", path, "--critical", "45%"]);
    let metrics = daemon.metrics();
    assert_eq!(metrics.of("portwatch_warning_ratio"), 0.3);
    assert_eq!(metrics.of("portwatch_critical_ratio"), 0.45);
    fs::remove_file(path).expect("remove");
    daemon.signal(rustix::process::Signal::HUP);
    daemon.wait_for_line("its complaint", |line| {
        line.contains("cannot be read").then_some(())
    });
    assert_eq!(daemon.metrics().of("portwatch_warning_ratio"), 0.3);
}
