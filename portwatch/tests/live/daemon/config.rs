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

/// The file that comes with the packages shows each option with its default.
#[test]
fn the_one_that_comes_with_it_says_what_the_defaults_are() {
    let text = include_str!("../../../../dist/portwatch.toml");
    let options = text.lines().filter_map(|line| {
        let option = line.strip_prefix('#')?;
        let key = option.split_once(" = ")?.0;
        let is_key = key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        is_key.then_some(option)
    });
    let options: Vec<&str> = options.collect();
    assert!(options.len() > 15, "{options:?}");
    for text in [text, &options.join("\n")] {
        let finished = checked(&file(text), &["--check-config"]);
        assert_eq!(finished.code(), 0, "{}", finished.stderr);
    }
    let help = finish(&mut portwatch(&["daemon", "--help"])).stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for option in options {
        let (key, value) = option.split_once(" = ").expect("an option");
        let flag = format!("--{} ", key.replace('_', "-"));
        let rest = &help[help.find(&flag).unwrap_or_else(|| panic!("no {flag}"))..];
        let next = rest[2..].find(" --").map_or(rest.len(), |at| at + 2);
        let default = match value.trim_matches('"') {
            "[]" | "journal" => continue,
            "true" => "on",
            value => value,
        };
        let told = format!("[default: {default}]");
        assert!(rest[..next].contains(&told), "{told} in {}", &rest[..next]);
    }
}
